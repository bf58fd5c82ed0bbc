"""Picket itself, pushed to devices: all of it runs there, and an edited line replaces one container.

The chips are simulated: the simulator is one service more, as on a development machine.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.fleet.town import Town
from tests.servers.devices import Site
from tests.servers.mqtt import Observer
from tests.servers.waiting import wait_for
from tests.servers.whole import last_levels

ROOT = Path(__file__).parent.parent
LINE = "services/automation/src/picket_automation/service.py"
USER = ("home", "a password of the tests")
SECONDS = 300.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def town(site: Site, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:  # noqa: ARG001
    """A fleet whose builder is the engine that has just built the release, and so need not do it again."""
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    town = Town(tmp_path_factory.mktemp("picket"), site, engine)
    town.start()
    for machine in site.machines[1:4]:
        town.join(machine, machine.folder.name).start()
    town.fleet("env", "set", "PICKET_DEVICE=demo", f"PICKET__BROKER__PASSWORD={USER[1]}")
    yield town
    town.close()


def test_picket_runs_on_every_device_and_an_edited_line_replaces_its_service_alone(
    town: Town, tell: Callable[[str], None]
) -> None:
    take_over_the_tree(town.copy)

    first = town.roll_out({}, SECONDS)
    second = town.roll_out({LINE: f"{(ROOT / LINE).read_text()}\n# An edited line.\n"}, SECONDS)

    tell(f"Picket, release 1: {first}")
    tell(f"Picket, release 2: {second}")
    for before, after in zip(first.containers, second.containers, strict=True):
        assert {name for name in after if after[name] != before[name]} == {"automation"}
    assert max(second.received_bytes) < 20_000


def test_what_picket_says_of_its_health_reaches_the_fleet(town: Town, tell: Callable[[str], None]) -> None:
    def tags() -> dict[str, str]:
        found: dict[str, str] = json.loads(town.fleet("device", town.devices[0].name, "--json"))["tags"]
        return found

    wait_for("its health", lambda: tags().get("picket_health", "starting") != "starting", SECONDS)

    tell(f"Picket says of itself: {tags()}")
    assert "gpio-input" not in tags()["picket_health"]
    assert tags()["picket_version"]


def test_on_a_device_a_walk_becomes_one_event_and_turns_the_light_on(town: Town) -> None:
    device = town.devices[0]
    observer = Observer(1883, user=USER, host=device.machine.address)
    observer.wait("picket/demo/status", "online")
    observer.wait("picket/demo/input/hall/state", "OFF")
    observer.wait("picket/demo/output/light/state", "OFF")
    observer.heard.clear()

    device.execute("simulator", "picket", "simulate", "walk", "hall")
    observer.wait("picket/demo/output/light/state", "ON")
    light = "picket/demo/output/light/state"
    wait_for("a dark light", lambda: observer.on(light)[-1].text == "OFF")
    wait_for("the event's end", lambda: len(observer.on("picket/demo/event")) >= 2)
    observer.close()

    history = device.execute("simulator", "picket", "simulate", "chips", "--json", "--history")
    (on_at, on_level), (off_at, off_level) = last_levels(history, "light", 2)
    assert (on_level, off_level) == ("high", "low")
    assert 4.9 < off_at - on_at < 15
    assert [event.json["type"] for event in observer.on("picket/demo/event")] == ["new", "end"]


def take_over_the_tree(copy: Path) -> None:
    """Copy what git has of the tree or would take, and what this machine needs to build it, with simulated chips."""
    from base.images.development import SHARED, composition
    from tests.servers.containers import arguments

    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]
    wheels = [str(file.relative_to(ROOT)) for file in (ROOT / "var" / "wheels").glob("*.*")]
    for name in [*names, *wheels]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    (copy / ".gitignore").unlink(missing_ok=True)  # the wheels are part of this push
    release = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    simulated = composition({}, 1883)["services"]
    for service, described in simulated.items():
        if built := release["services"].get(service, {}).get("build"):
            described["build"] = {**built, "args": {**arguments(), **built["args"]}}
            described.pop("image")
        # The agent makes plain volumes: what the simulator shares by others, its ports and files, is not plugged in.
        described["volumes"] = [volume for volume in described.get("volumes", []) if volume not in SHARED]
        asked = described["environment"].items()
        described["environment"] = {name: value for name, value in asked if not value.startswith("/data/sim/")}
    simulated["mosquitto"]["ports"] = ["1883:1883"]
    (copy / "docker-compose.yml").write_text(yaml.safe_dump({**release, "services": simulated}, sort_keys=False))
