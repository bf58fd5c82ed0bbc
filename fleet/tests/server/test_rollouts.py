"""A rollout on a real server: devices that report, people that override, and a server that is restarted meanwhile."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from picket_fleet.home import Home
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase
from picket_fleet.store import devices, fleet, images, releases, rolling, rollout_view, rollouts
from picket_fleet.store.releases import Release

pytestmark = pytest.mark.slow

Until = Callable[[Callable[[], Any]], Any]
POLICY = Policy("tag:canary=yes", soak_seconds=1, waves=(50, 100), patience_seconds=3600)


class Town:
    """A served fleet of four devices, of which hall is the canary; all run the first release."""

    def __init__(self, served: Any, policy: Policy = POLICY) -> None:
        self.served, self.database = served, served.database
        self.devices = {
            name: served.join(name, f"{place}" * 32)
            for place, name in enumerate(("hall", "attic", "cellar", "shed"), 1)
        }
        devices.tag(self.database, self.devices["hall"].id, "canary", "yes")
        self.first = served.publish(b"1")
        for name in self.devices:
            self.runs(name, self.first)
        rollouts.set_policy(self.database, policy)

    def runs(self, name: str, release: Release, health: str = "ok", **said: Any) -> None:
        """Let a device report that it runs a release, and its gateway say how it is."""
        device = self.devices[name]
        services = {
            image.service: {"image": f"x@sha256:{image.image_id}", "status": "Running", **said}
            for image in images.of(self.database, release.id)
        }
        self.reports(name, release, {"update_status": "done", "services": services})
        devices.tag(self.database, device.id, "picket_health", health)

    def reports(self, name: str, release: Release, said: dict[str, Any]) -> None:
        """Let a device report something, and ask, without which it would be offline after half a minute."""
        device = self.devices[name]
        assert self.served.ask(device).ok
        app = {"release_uuid": release.commit_id, "releases": {release.commit_id: said}}
        report = {device.uuid: {"apps": {fleet.get(self.database).uuid: app}}}
        assert self.served.call("PATCH", "/device/v3/state", device.key, json=report).ok

    def follows(self, name: str) -> str:
        """Ask the server what a device is to run, as its agent does."""
        answer = self.served.ask(self.devices[name]).json()
        return str(answer["release"]["commit"])

    def have(self, release: Release) -> set[str]:
        return {name for name in self.devices if self.follows(name) == release.commit_id}

    def phase(self) -> str:
        found = rollout_view.view(self.database)["rollout"]
        return f"{found['phase']} {found['stage']}" if found else "none"


@pytest.fixture
def town(fleet: Any) -> Iterator[Town]:
    yield Town(fleet)


def test_a_good_release_reaches_everybody_stage_by_stage(town: Town, until: Until) -> None:
    second = town.served.publish(b"2")
    assert town.have(second) <= {"hall"}
    until(lambda: town.have(second) == {"hall"})

    town.runs("hall", second)
    until(lambda: (town.runs("hall", second), town.phase())[1] == "rolling 1")
    assert town.have(second) == {"hall", "attic"}
    until(lambda: [town.runs(name, second) for name in ("hall", "attic")] and town.phase() == "rolling 2")
    assert town.have(second) == set(town.devices)
    until(lambda: [town.runs(name, second) for name in town.devices] and town.phase() == "done 2")

    until(lambda: rollouts.settled(town.database) == second.id)


def test_a_release_that_stops_sampling_is_taken_back_and_the_next_one_begins_at_the_canary(
    town: Town, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    second = town.served.publish(b"2")
    until(lambda: town.have(second) == {"hall"})

    town.runs("hall", second)
    until(lambda: (town.runs("hall", second, "silent: gpio-input"), town.phase())[1] == "taken back 0")

    assert town.have(second) == set()
    until(lambda: "taken back, everybody is to run 1.0.0: hall: silent gpio-input" in caplog.text)
    third = town.served.publish(b"3")
    until(lambda: town.have(third) == {"hall"})
    assert town.have(town.first) == {"attic", "cellar", "shed"}


def test_a_new_push_meanwhile_goes_to_the_canary_while_who_has_the_replaced_one_keeps_it(
    town: Town, until: Until
) -> None:
    second = town.served.publish(b"2")
    until(lambda: town.have(second) == {"hall"})
    rolling.resume(town.database, time.time())
    assert town.have(second) == {"hall", "attic"}

    third = town.served.publish(b"3")
    assert town.have(town.first) == {"cellar", "shed"}
    until(lambda: town.have(third) == {"hall"})

    assert town.have(second) == {"attic"}
    rolling.halt(town.database, time.time(), undo=True)
    assert town.have(town.first) == set(town.devices)


def test_a_pin_of_a_device_beats_the_rollout_and_a_pin_of_the_fleet_halts_it(town: Town, until: Until) -> None:
    second = town.served.publish(b"2")
    until(lambda: town.have(second) == {"hall"})

    devices.pin(town.database, town.devices["shed"].id, second.id)
    assert town.have(second) == {"hall", "shed"}
    fleet.pin(town.database, town.first.id)
    assert town.have(second) == {"shed"}
    until(lambda: rollouts.current(town.database).rollout.phase == Phase.HALTED)  # type: ignore[union-attr]
    fleet.pin(town.database, None)

    assert town.have(second) == {"hall", "shed"}
    assert rolling.resume(town.database, time.time()).phase == Phase.ROLLING


def test_a_release_that_is_invalidated_goes_to_nobody_any_more(town: Town, until: Until) -> None:
    second = town.served.publish(b"2")
    until(lambda: town.have(second) == {"hall"})

    releases.invalidate(town.database, second.id)

    assert town.have(town.first) == set(town.devices)
    until(lambda: town.phase() == "none")


def test_the_server_may_be_restarted_at_any_moment(home: Home, serve: Any, until: Until) -> None:
    with serve(home) as served:
        town = Town(served)
        second = served.publish(b"2")
        until(lambda: town.have(second) == {"hall"})
    with serve(home) as served:
        town.served, town.database = served, served.database
        assert town.have(second) == {"hall"}
        until(lambda: (town.runs("hall", second), town.phase())[1] == "rolling 1")
    third = served_without_a_server(home)
    with serve(home) as served:
        town.served, town.database = served, served.database

        assert town.have(second) <= {"hall", "attic"}
        until(lambda: town.have(third) == {"hall"})
        assert town.have(second) == {"attic"}


def served_without_a_server(home: Home) -> Release:
    """Publish a release while no server runs."""
    database = home.database()
    begun = releases.begin(database, "1.0.0", time.time())
    config = b'{"rootfs": {"diff_ids": []}}'
    done = releases.publish(database, begun.id, releases.Build({}, {"web": config}), home.sign, time.time())
    database.close()
    return done


def test_who_becomes_a_canary_after_all_is_the_first_to_get_it(town: Town, until: Until) -> None:
    devices.tag(town.database, town.devices["hall"].id, "canary", None)
    second = town.served.publish(b"2")
    until(lambda: town.phase() == "halted 0")
    assert town.have(second) == set()

    devices.tag(town.database, town.devices["shed"].id, "canary", "yes")
    rolling.resume(town.database, time.time())
    assert town.have(second) == {"shed"}
    rolling.resume(town.database, time.time())

    assert len(town.have(second)) == 2


def test_without_a_policy_everybody_gets_it_at_once(town: Town) -> None:
    rollouts.set_policy(town.database, None)

    second = town.served.publish(b"2")

    assert town.have(second) == set(town.devices)
