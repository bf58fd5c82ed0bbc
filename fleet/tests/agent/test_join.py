"""A machine joins a fleet by one command, against the real server."""

import json
import stat
from pathlib import Path

import pytest

from fleet.tests.agent.world import World
from picket_fleet.agent import command
from picket_fleet.agent.device import read
from picket_fleet.agent.errors import ServerGoneError
from picket_fleet.agent.server import Server
from picket_fleet.agent.units import units
from picket_fleet.errors import FleetError
from picket_fleet.store import devices, keys

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def words(world: World, folder: Path, key: str) -> list[str]:
    address, fingerprint = world.home.configuration.address, world.home.fingerprint()
    rest = ["--no-start", "--folder", str(folder), "--device-type", "raspberrypi4-64", "--name", "shed"]
    return ["join", address, "--fingerprint", fingerprint, "--key", key, *rest]


def test_a_machine_joins_and_keeps_its_key_to_itself(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = keys.give_out(world.database, keys.PROVISIONING, "any", None)

    command.main(words(world, tmp_path / "device", key))

    device = read(tmp_path / "device")
    assert devices.find(world.database, "shed").uuid == device.uuid
    assert bytes.fromhex(device.signing_key) == world.home.public_key()
    assert stat.S_IMODE((tmp_path / "device" / "device.json").stat().st_mode) == 0o600
    said = capsys.readouterr().out
    assert "This is shed now." in said
    assert device.key not in said and key not in said


def test_who_has_joined_joins_no_second_time(world: World, tmp_path: Path) -> None:
    key = keys.give_out(world.database, keys.PROVISIONING, "any", None)
    command.main(words(world, tmp_path / "device", key))
    before = json.loads((tmp_path / "device" / "device.json").read_bytes())

    with pytest.raises(FleetError, match="joined a fleet already"):
        command.main(words(world, tmp_path / "device", key))

    assert json.loads((tmp_path / "device" / "device.json").read_bytes()) == before


def test_a_key_that_is_not_good_lets_nobody_in(world: World, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="401"):
        command.main(words(world, tmp_path / "device", "x" * 40))

    assert not devices.everyone(world.database)
    with pytest.raises(FleetError, match="has joined no fleet"):
        read(tmp_path / "device")


@pytest.mark.parametrize("is_replacing", [False, True], ids=["a new device", "in the place of another"])
def test_a_machine_whose_first_try_was_not_answered_joins_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_replacing: bool
) -> None:
    dead = devices.register(world.database, uuid="d" * 32, name="dead", device_type="x", key="k", now=0.0)
    key = keys.give_out(
        *(world.database, keys.PROVISIONING, "once", None),
        device_name=None if is_replacing else "shed",
        replaces=dead.id if is_replacing else None,
    )
    register = Server.register

    def cut_off(server: Server, joining: bytes) -> bytes:
        register(server, joining)
        raise ServerGoneError("the answer broke off")

    with monkeypatch.context() as patched, pytest.raises(ServerGoneError):
        patched.setattr(Server, "register", cut_off)
        command.main(words(world, tmp_path / "device", key))

    command.main(words(world, tmp_path / "device", key))

    device = read(tmp_path / "device")
    assert device.name == ("dead" if is_replacing else "shed")
    assert devices.find(world.database, device.name).uuid == device.uuid
    assert len(devices.everyone(world.database)) == (1 if is_replacing else 2)


def test_the_sweep_comes_before_the_engine() -> None:
    written = units("/usr/bin/fleet", Path("/var/lib/picket-fleet"))

    assert "Before=docker.service" in written["picket-fleet-sweep.service"]
    assert "ExecStart=/usr/bin/fleet device run --folder /var/lib/picket-fleet" in written["picket-fleet.service"]
