"""Canaries on real devices: a good release reaches all, one that stops sampling is taken back before others have it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from picket_fleet.store.releases import Release
from tests.fleet.device import QUICK, Device
from tests.fleet.project import PROJECT, RUNS, SERVICE
from tests.fleet.town import Town
from tests.servers.devices import Site
from tests.servers.waiting import wait_for

SECONDS = 400.0
POLICY = ("--canary", "tag:canary=yes", "--soak", "3s", "--waves", "60%,100%")
SETTINGS = msgspec.structs.replace(QUICK, poll_seconds=3.0)

# It tells the agent how Picket is, as the gateway does: a PATCH with the address and the key of its environment.
SAYS = """\
say() {
    body="{\\"picket_health\\": \\"$1\\"}"
    printf 'PATCH /v2/device/tags HTTP/1.0\\r\\nAuthorization: Bearer %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s' \\
        "$BALENA_SUPERVISOR_API_KEY" "${#body}" "$body" \\
        | /bin/busybox nc -w 3 "$BALENA_SUPERVISOR_HOST" "$BALENA_SUPERVISOR_PORT"
}
trap 'exit 0' TERM
"""
WELL = f"{SAYS}while :; do say ok; sleep 1 & wait $!; done\n"
# What the release before has said does not count: no device is good by it, however slow this machine is.
STOPS_SAMPLING = f"{SAYS}sleep 2 & wait $!\nwhile :; do say 'silent: gpio-input'; sleep 1 & wait $!; done\n"
GATEWAY = '  gateway: {build: gateway, tty: false, labels: {io.balena.features.supervisor-api: "1"}}\n'
PICKET = {
    **PROJECT,
    "docker-compose.yml": PROJECT["docker-compose.yml"].replace("  hub:\n", f"{GATEWAY}  hub:\n"),
    "gateway/Dockerfile": SERVICE,
    "gateway/run": WELL,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def fleet(town: Town, site: Site) -> Iterator[tuple[Town, Device, list[Device]]]:
    """A fleet of three devices that run Picket's like, whose canary is hall."""
    devices = [town.join(machine, machine.folder.name, SETTINGS) for machine in site.machines[1:4]]
    for device in devices:
        device.start()
    first = town.push(PICKET)
    for device in devices:
        device.settles(first, SECONDS)
    town.fleet("tag", "hall", "canary=yes")
    town.fleet("rollout", "policy", *POLICY, "--patience", "20m")
    yield town, devices[0], devices[1:]


def rollout(town: Town) -> dict[str, Any]:
    """Return what `fleet rollout` says."""
    found: dict[str, Any] = json.loads(town.fleet("rollout", "--json"))["rollout"] or {}
    return found


def comes_to(town: Town, phase: str) -> dict[str, Any]:
    """Wait until the rollout is so."""
    found: dict[str, Any] = wait_for(
        phase, lambda: (one := rollout(town)).get("phase") == phase and one, SECONDS, lambda: str(rollout(town))
    )
    return found


def test_a_good_release_reaches_the_canary_and_then_all(
    fleet: tuple[Town, Device, list[Device]], tell: Callable[[str], None]
) -> None:
    town, hall, others = fleet

    town.commit({"web/run": f"# better\n{RUNS}"})
    said = town.git("push", "-o", "watch", "fleet", "main")
    release = town.released(said)
    hall.settles(release, SECONDS)
    done = comes_to(town, "done")
    for device in others:
        device.settles(release, SECONDS)

    assert [one["state"] for one in done["devices"]] == ["good", "good", "good"]
    assert town.log().count("is rolled out: ") >= 3
    assert town.says_of(hall)["rollout"]["state"] == "good"
    assert "hall: restarts web; " in said
    assert "First for tag:canary=yes, then 60 %, 100 %" in said
    told = [line.split("[Info]")[1].strip() for line in said.splitlines() if "[Info]" in line]
    assert told.index("hall: good") < told.index("1.0.0+rev1: 60 %") < told.index("1.0.0+rev1: done")
    tell(f"pushed with -o watch: {'; '.join(told[-12:])}")


def test_a_release_that_stops_sampling_is_taken_back_at_the_canary(fleet: tuple[Town, Device, list[Device]]) -> None:
    town, hall, others = fleet
    before = town.latest()
    untouched = [device.settles(before) for device in others]

    town.push({"gateway/run": STOPS_SAMPLING})
    found = comes_to(town, "taken back")
    hall.settles(before, SECONDS)

    assert found["reason"] == "hall: silent gpio-input"
    assert [device.settles(before) for device in others] == untouched
    assert "is taken back, everybody is to run" in town.log()
    assert "taken back, canaries (0 of 1 good): hall: silent gpio-input" in town.fleet("devices")


def test_the_server_restarted_in_the_middle_goes_on(fleet: tuple[Town, Device, list[Device]]) -> None:
    town, hall, others = fleet

    hall.execute("hub", "touch", "/tmp/balena/updates.lock")  # so that it does not come to the end meanwhile

    release = town.push({"gateway/run": f"# mended\n{WELL}"})
    wait_for("the canary's download", lambda: town.says_of(hall)["update"] == "downloaded", SECONDS)
    town.stop()
    town.start()
    hall.execute("hub", "rm", "/tmp/balena/updates.lock")
    comes_to(town, "done")

    for device in (hall, *others):
        device.settles(release, SECONDS)


def test_a_canary_that_goes_offline_halts_it_and_a_person_goes_on(fleet: tuple[Town, Device, list[Device]]) -> None:
    town, hall, others = fleet
    before = town.latest()
    town.fleet("rollout", "policy", *POLICY, "--patience", "80s")  # twice what the server takes to miss a device

    hall.stop()
    release: Release = town.push({"hub/run": f"# better\n{RUNS}"})
    found = comes_to(town, "halted")
    assert (found["reason"], found["devices"][0]["state"]) == ("nobody to judge by: hall: offline", "offline")
    for device in others:
        device.settles(before)
    assert "goes on with the next stage" in town.fleet("rollout")
    town.fleet("rollout", "continue")
    for device in others:
        device.settles(release, SECONDS)
    comes_to(town, "done")
    hall.start()

    hall.settles(release, SECONDS)
