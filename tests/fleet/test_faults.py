"""Whatever goes wrong in an update: exactly one whole release runs, and the next attempt succeeds."""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket_fleet.home import Configuration, create
from picket_fleet.store import devices
from picket_fleet.store.releases import Release
from tests.fleet.device import SECONDS, Device
from tests.fleet.project import COMPOSE, PROJECT, RUNS, SERVICE
from tests.fleet.town import Town
from tests.servers.devices import Site
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = ["download", "load", "sync", "prepare", "create", "lock", "stop", "rename", "start", "judge", "record", "clean"]
BEFORE_THE_SWAP = ("download", "load", "sync", "prepare", "create", "lock")
AMID = ["amid:download", "amid:load"]
# Each moment takes seconds: `make soak` has all of them, `make test` those where the most can go wrong.
if os.environ.get("PICKET_SOAK"):
    AGENT_DIES = [*(f"before:{step}" for step in STEPS), *AMID]
    ENGINE_DIES = [*(f"before:{step}" for step in ("load", "create", "stop", "start", "judge")), *AMID]
else:
    AGENT_DIES = [*(f"before:{step}" for step in ("stop", "start", "record")), *AMID]
    ENGINE_DIES = ["before:start", "before:judge", "amid:load"]
BIG = 800_000  # bytes that no delta makes smaller


class Steady:
    """A device that is to run the last release, and only the web is another one from release to release."""

    def __init__(self, town: Town, device: Device) -> None:
        self.town, self.device = town, device
        self.before = self.release = town.latest()
        self.containers: dict[str, str] = {}

    def settle(self) -> None:
        """Let it run the last release, the server know, and the agent end; what a test has broken is mended before."""
        self.town.start()
        self.device.machine.start()
        self.release = self.town.latest()
        if self.device.read("good") and not self.device.is_settled(self.release):
            self.push({name: text for name, text in PROJECT.items() if name != "web/run"})
        self.before = self.release
        self.device.start()
        self.containers = self.device.settles(self.release)
        wait_for("the server's knowledge", self._is_known, SECONDS)
        self.device.stop()

    def push(self, files: Mapping[str, str | bytes] | None = None) -> Release:
        """Push an edited line of the web, and what else is to change."""
        edited = {"web/run": f"# the web {secrets.token_hex(4)}\n{RUNS}"}
        self.before, self.release = self.town.latest(), self.town.push({**edited, **(files or {})})
        return self.release

    def arrives(self) -> dict[str, str]:
        """Wait until the last release runs, and only the web's container is another one."""
        found = self.device.settles(self.release)
        assert {name for name in found if found[name] != self.containers.get(name)} == {"web"}
        return found

    def refuses(self, reason: str) -> None:
        """Wait until the agent says why it leaves a release alone, and the server has heard that."""
        self.device.wait("the refusal", lambda: reason in self.device.log())
        wait_for("the server's log", lambda: reason in self.town.fleet("logs", self.device.name), SECONDS)

    def _is_known(self) -> bool:
        with self.town.database() as database:
            return devices.find(database, self.device.name).running == self.release.commit_id


@pytest.fixture(scope="module")
def town_with_a_shed(town: Town, site: Site) -> Town:
    town.push(PROJECT)
    machine = site.machine("shed")
    machine.start()
    town.join(machine, "shed")
    return town


@pytest.fixture
def shed(town_with_a_shed: Town) -> Iterator[Steady]:
    """A device that runs a release, and no agent."""
    steady = Steady(town_with_a_shed, town_with_a_shed.devices[0])
    steady.settle()
    yield steady
    steady.device.stop()


@pytest.fixture
def another_key(town: Town, tmp_path: Path) -> Iterator[Callable[[], object]]:
    """The fleet signs by another key than its own, until this is called."""
    other = create(tmp_path / "other", Configuration("other", "generic", "https://127.0.0.1:1"))
    file = town.home.signing_key
    own = file.read_bytes()
    file.write_bytes(other.signing_key.read_bytes())
    yield lambda: file.write_bytes(own)
    file.write_bytes(own)


@pytest.mark.parametrize("moment", AGENT_DIES)
def test_an_agent_killed_at_any_step_ends_with_the_new_release(shed: Steady, moment: str) -> None:
    old = shed.device.running()
    volumes = "{state: {}, more: {}}" if moment == "before:prepare" else "{state: {}}"
    blob = {"web/blob": os.urandom(BIG)} if moment.startswith("amid") else {}
    shed.push({**blob, "docker-compose.yml": COMPOSE.replace("{state: {}}", volumes)})

    shed.device.start(moment)
    shed.device.dies()
    meanwhile = shed.device.running()
    shed.device.start()

    shed.arrives()
    assert {name: meanwhile[name] for name in ("clock", "hub")} == {name: old[name] for name in ("clock", "hub")}
    if moment.partition(":")[2] in BEFORE_THE_SWAP:
        assert meanwhile == old


@pytest.mark.parametrize("moment", ENGINE_DIES)
def test_an_engine_killed_during_an_update_ends_with_the_new_release(shed: Steady, moment: str) -> None:
    shed.push({"web/blob": os.urandom(BIG)})

    shed.device.start(moment, f"kill:{shed.device.machine.pid}")
    shed.device.machine.wait_for_the_end()
    shed.device.machine.start()

    shed.arrives()


@pytest.mark.parametrize("moment", ["amid:load", "before:stop", "before:record"])
def test_after_a_power_cut_a_whole_release_runs_and_what_it_left_is_swept(shed: Steady, moment: str) -> None:
    machine = shed.device.machine
    shed.push({"web/blob": os.urandom(BIG)})

    shed.device.start(moment, f"kill:{machine.pid}")
    machine.wait_for_the_end()
    shed.device.kill()
    swept = shed.device.say("sweep", "--root", str(machine.root))
    machine.start()
    shed.device.start()

    shed.arrives()
    assert swept[0] == 0
    assert shed.device.orphans() == set()


@pytest.mark.parametrize("damage", ["a byte", "its end", "all of it"])
def test_a_damaged_delta_costs_bytes_and_nothing_else(shed: Steady, damage: str) -> None:
    shed.push()
    delta = shed.town.home.delta(shed.before.commit_id, shed.release.commit_id)
    data = bytearray(delta.read_bytes())
    data[len(data) // 2] ^= 1
    delta.write_bytes({"a byte": bytes(data), "its end": bytes(data[:-9]), "all of it": os.urandom(200)}[damage])

    shed.device.start()

    shed.arrives()
    assert "the delta does not do" in shed.device.log()


def test_a_damaged_layer_in_the_engine_is_no_base_for_a_delta(shed: Steady) -> None:
    file = shed.device.layer("web") / "app" / "Dockerfile"  # the next release has it unchanged
    file.write_bytes(file.read_bytes().replace(b"FROM", b"FORM"))
    shed.push()

    shed.device.start()

    shed.arrives()
    assert "damaged" in shed.device.log() or "does not do" in shed.device.log()


def test_what_is_signed_by_another_key_is_left_alone(shed: Steady, another_key: Callable[[], object]) -> None:
    good = shed.release
    shed.push()

    shed.device.start()
    shed.refuses("not signed by this fleet")
    shed.device.runs(good)
    another_key()
    shed.push()

    shed.arrives()


def test_a_release_whose_signature_was_changed_is_left_alone(shed: Steady) -> None:
    good = shed.release
    shed.push()
    with shed.town.database() as database:
        row = database.one("SELECT signature FROM release WHERE commit_id = ?", shed.release.commit_id)
        assert row
        wrong = bytes([row["signature"][0] ^ 1]) + row["signature"][1:]
        database.run("UPDATE release SET signature = ? WHERE commit_id = ?", wrong, shed.release.commit_id)

    shed.device.start()
    shed.refuses("not signed by this fleet")
    shed.device.runs(good)
    with shed.town.database() as database:
        database.run("UPDATE release SET signature = ? WHERE commit_id = ?", row["signature"], shed.release.commit_id)
    shed.town.fleet("env", "set", "TOUCHED=1", "--service", "web")

    shed.arrives()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"key": "x" * 43}, "401"), ({"fingerprint": "00" * 32}, "does not answer")],
    ids=["the device's key", "the server's certificate"],
)
def test_with_a_wrong_key_what_runs_runs_on(shed: Steady, wrong: dict[str, str], said: str) -> None:
    right = shed.device.identity()
    good = shed.release
    shed.push()
    shed.device.change(**wrong)

    shed.device.start()
    shed.device.wait("the refusal", lambda: said in shed.device.log())
    shed.device.runs(good)
    shed.device.stop()
    shed.device.change(**{name: getattr(right, name) for name in wrong})
    shed.device.start()

    shed.arrives()


def test_an_expired_key_lets_nobody_join_and_a_new_one_does(town_with_a_shed: Town, site: Site) -> None:
    attic = Device(town_with_a_shed, site.machines[1], "attic")
    town_with_a_shed.devices.append(attic)
    invitation = attic.invitation()
    with town_with_a_shed.database() as database:
        database.run("UPDATE token SET expires_at = 1 WHERE name = 'join attic'")

    refused = attic.say(*invitation)
    idle = attic.say("run", "--folder", str(attic.folder))
    attic.join()

    assert (refused[0], idle[0]) == (1, 1)
    assert "401" in refused[1]
    assert "has joined no fleet" in idle[1]
    assert town_with_a_shed.says_of(attic)["state"] == "not seen yet"


def test_an_expired_token_pushes_nothing_and_a_new_one_does(shed: Steady) -> None:
    first, second = (json.loads(shed.town.fleet("token", "new", name, "--json"))["token"] for name in ("old", "new"))
    with shed.town.database() as database:
        database.run("UPDATE token SET expires_at = 1 WHERE name = 'old'")
    shed.town.commit({"web/run": f"# pushed over https\n{RUNS}"})

    refused = shed.town.push_over_https(first, check=False)
    untouched = shed.town.latest()
    shed.release = shed.town.released(shed.town.push_over_https(second))
    shed.device.start()

    shed.arrives()
    assert "Authentication failed" in refused
    assert untouched == shed.before


@pytest.mark.parametrize("moment", ["before:load", "before:stop", "before:judge"])
def test_with_the_server_gone_a_small_update_is_done_all_the_same(shed: Steady, moment: str) -> None:
    shed.push()

    shed.device.start(moment, f"kill:{shed.town.server_pid}")
    shed.arrives()
    shed.town.start()

    shed.device.wait(
        "the report", lambda: shed.town.says_of(shed.device)["release"]["commit"] == shed.release.commit_id
    )


def test_with_the_server_gone_a_download_waits_and_goes_on(shed: Steady) -> None:
    good = shed.release
    shed.push({"web/blob": os.urandom(10 * BIG)})  # more than is under way between two sockets

    shed.device.start("amid:download", f"kill:{shed.town.server_pid}")
    shed.device.wait("the loss", lambda: "broke off" in shed.device.log() or "not answer" in shed.device.log())
    meanwhile = shed.device.running()
    shed.town.start()

    shed.arrives()
    assert meanwhile == shed.town.images(good)


@pytest.fixture(scope="module")
def town_with_a_pantry(town_with_a_shed: Town, site: Site) -> Town:
    machine = site.machine("pantry", disk_megabytes=160)
    machine.start()
    town_with_a_shed.join(machine, "pantry")
    return town_with_a_shed


@pytest.fixture
def pantry(town_with_a_pantry: Town) -> Iterator[Steady]:
    """A device with a small disk that runs a release, and no agent."""
    steady = Steady(town_with_a_pantry, next(one for one in town_with_a_pantry.devices if one.name == "pantry"))
    steady.settle()
    yield steady
    steady.device.stop()


@pytest.mark.parametrize("moment", ["before:download", "before:load", "amid:load", "before:create", "before:record"])
def test_with_the_disk_full_what_runs_runs_on_until_there_is_room(pantry: Steady, moment: str) -> None:
    filling = pantry.device.machine.folder / "filling"
    settings = pantry.device.identity().settings
    pantry.device.change(settings=msgspec.structs.replace(settings, reserve_bytes=1 << 20))
    pantry.push({"web/blob": os.urandom(BIG)})

    pantry.device.start(moment, f"fill:{filling}")
    pantry.device.wait("the trouble", lambda: "update: " in pantry.device.log())
    meanwhile = pantry.device.running()
    filling.unlink()

    pantry.arrives()
    assert meanwhile.keys() >= {"clock", "hub"}
    if moment != "before:record":
        assert meanwhile == pantry.town.images(pantry.before)


@pytest.fixture
def unhurried(shed: Steady) -> Iterator[None]:
    """An agent that looks longer at what is new: on a busy machine what ends at once may seem to run for a moment."""
    settings = shed.device.identity().settings
    shed.device.change(settings=msgspec.structs.replace(settings, health_seconds=2.0))
    yield
    shed.device.change(settings=settings)


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"hub/run": "exit 3\n"}, "hub: it ended 4 times (last with 3)"),
        ({"web/run": RUNS.replace("/ok", "/not-ok")}, "web: it says that it is not healthy"),
        ({"web/Dockerfile": SERVICE.replace("/bin/sh", "/bin/no-such-shell")}, "web: "),
    ],
    ids=["it crashes at its start", "it is not healthy", "it can't be started"],
)
def test_a_release_that_does_not_run_is_rolled_back_and_reported(
    shed: Steady, files: dict[str, str], reason: str
) -> None:
    good = shed.release
    bad = shed.town.push(files)

    shed.device.start()
    said = shed.device.wait("the report", lambda: _rejected(shed, bad))
    shed.device.wait("the return", lambda: shed.device.is_settled(good))
    back = shed.device.runs(good)
    shed.push({"web/Dockerfile": SERVICE, "hub/run": PROJECT["hub/run"]})

    shed.arrives()
    assert said and reason in said["reason"]
    assert (back["hub"], back["clock"]) == (shed.containers["hub"], shed.containers["clock"])


def test_a_lock_that_a_service_holds_is_waited_for(shed: Steady) -> None:
    shed.device.execute("hub", "touch", "/tmp/balena/updates.lock")
    old = shed.device.running()
    shed.push()

    shed.device.start()
    shed.device.wait("the lock to be met", lambda: "Updates are locked by hub" in shed.device.log())
    meanwhile = shed.device.running()
    shed.device.execute("hub", "rm", "/tmp/balena/updates.lock")

    shed.arrives()
    assert meanwhile == old


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"web/Dockerfile": f"{SERVICE}RUN false\n"}, "returned a non-zero code"),
        (
            {"docker-compose.yml": COMPOSE.replace("COLOUR: red", "COLOUR: red\n    container_name: x")},
            "docker-compose.yml:",
        ),
    ],
    ids=["a command fails", "it is nothing for balena"],
)
def test_a_broken_build_leaves_all_as_it_is(shed: Steady, files: dict[str, str], said: str) -> None:
    shed.town.commit(files)

    refused = shed.town.git("push", "fleet", "main", check=False)
    latest = shed.town.latest()
    shed.device.start()
    shed.device.settles(shed.release)
    shed.push({"web/Dockerfile": SERVICE, "docker-compose.yml": COMPOSE})

    shed.arrives()
    assert said in refused and "rejected" in refused
    assert latest == shed.before


def _rejected(shed: Steady, release: Release) -> dict[str, Any] | None:
    """Return what the fleet says of a device, once it says that this release was rejected."""
    said = shed.town.says_of(shed.device)
    return said if said["target"]["commit"] == release.commit_id and said["update"] == "rejected" else None
