"""Rollouts as they are kept, whatever people and devices do, in any order."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from picket_fleet.errors import FleetError
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase
from picket_fleet.store import devices, fleet, keys, releases, rolling, rollout_view, rollouts
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Contact
from picket_fleet.store.releases import Build, Release

POLICY = Policy("share:30%", soak_seconds=5, waves=(60, 100), patience_seconds=60)
DEVICES = st.integers(0, 4)
HEALTH = st.sampled_from(["ok", "silent: hub"])


class World(RuleBasedStateMachine):
    """A fleet of five devices with a policy."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(Path(self.folder.name) / "fleet.sqlite", create=True)
        fleet.create(self.database, "f" * 32)
        self.now, self.built_at = 1000.0, 0.0
        self.devices = [
            devices.register(
                self.database, uuid=f"{n}" * 32, name=f"d{n}", device_type="x", key=keys.new_key(), now=0.0
            ).id
            for n in range(5)
        ]
        self.hear(range(5))

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def hear(self, which: Any) -> None:
        devices.heard(self.database, [Contact(self.devices[n], self.now, self.now + 100) for n in which])

    def targets(self) -> dict[int, Release | None]:
        return {d: releases.target_of(self.database, devices.get(self.database, d)) for d in self.devices}

    @initialize()
    def first(self) -> None:
        self.built()
        rollouts.set_policy(self.database, POLICY)

    def built(self) -> Release:
        # Which release is the latest is by their times: one that seems older than the last is not followed at all.
        self.built_at = max(self.built_at + 1, self.now)
        begun = releases.begin(self.database, "1.0.0", self.built_at)
        config = f'{{"n": {begun.id}, "rootfs": {{"diff_ids": []}}}}'.encode()
        return releases.publish(self.database, begun.id, Build({}, {"web": config}), lambda data: data, self.now)

    @rule()
    def push(self) -> None:
        before = self.targets()
        self.built()
        assert self.targets() == before  # nobody gets it before a rollout says so

    @rule(seconds=st.sampled_from([1.0, 5.0, 30.0, 500.0, -200.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        rolling.look(self.database, self.now)

    @rule(which=DEVICES, health=HEALTH)
    def runs_its_target(self, which: int, health: str) -> None:
        self.hear([which])
        target = self.targets()[self.devices[which]]
        if target is None:
            return
        [image] = releases.images(self.database, target.id)
        services = {"web": {"image": f"x@sha256:{image.image_id}", "status": "Running"}}
        said = {"releases": {target.commit_id: {"update_status": "done", "services": services}}}
        devices.save_report(self.database, self.devices[which], {"apps": {"f" * 32: said}})
        devices.save_running(self.database, self.devices[which], target.commit_id)
        devices.tag(self.database, self.devices[which], "picket_health", health)

    @rule(which=DEVICES, is_pinned=st.booleans())
    def pin(self, which: int, is_pinned: bool) -> None:
        newest = rollouts.newest(self.database) if is_pinned else None
        devices.pin(self.database, self.devices[which], newest)

    @rule(is_pinned=st.booleans())
    def pin_fleet(self, is_pinned: bool) -> None:
        target = releases.target_of(self.database, None)
        fleet.pin(self.database, target.id if target and is_pinned else None)

    @precondition(lambda self: len(releases.everyone(self.database)) > 1)
    @rule()
    def invalidate_the_latest(self) -> None:
        valid = [one for one in releases.everyone(self.database) if not one.is_invalidated]
        if len(valid) > 1:
            releases.invalidate(self.database, valid[0].id)

    @rule(what=st.sampled_from(["continue", "halt", "undo"]))
    def a_person(self, what: str) -> None:
        try:
            if what == "continue":
                rolling.resume(self.database, self.now)
            else:
                rolling.halt(self.database, self.now, undo=what == "undo")
        except FleetError:
            pass

    @invariant()
    def everybody_has_one_target_that_was_built(self) -> None:
        if rollouts.newest(self.database) is None:
            return
        for device, target in self.targets().items():
            assert target is not None
            assert target.status == "success"
            pin = devices.get(self.database, device).pinned_release
            assert pin in (None, target.id)

    @invariant()
    def no_more_are_ahead_than_the_stage_allows(self) -> None:
        kept = rollouts.governing(self.database)
        if kept is None or kept.rollout.phase == Phase.DONE:
            return
        rollout, targets = kept.rollout, self.targets()
        unpinned = [d for d in self.devices if devices.get(self.database, d).pinned_release is None]
        ahead = {d for d in unpinned if (found := targets[d]) and found.id == rollout.release}
        allowed = {d for d, member in rollout.members.items() if member.stage <= rollout.stage}
        assert ahead <= (set() if rollout.phase == Phase.TAKEN_BACK else allowed)
        if rollout.phase == Phase.TAKEN_BACK:
            went_back = {found.id for d in unpinned if (found := targets[d])}
            assert went_back <= {rollout.base}

    @invariant()
    def it_can_be_looked_at(self) -> None:
        found = rollout_view.view(self.database)["rollout"]
        if found:
            named = {one["uuid"]: one["target"]["commit"] for one in found["devices"]}
            for device, target in self.targets().items():
                one = devices.get(self.database, device)
                if one.pinned_release is None and one.uuid in named and target:
                    assert named[one.uuid] == target.commit_id


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestWorld.pytestmark = [pytest.mark.slow]  # type: ignore[attr-defined]
