"""Rollouts as they are kept, whatever people and devices do, in any order."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from picket_fleet.build.collect import needed
from picket_fleet.errors import FleetError
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase
from picket_fleet.store import devices, fleet, images, keys, releases, rolling, rollout_view, rollouts
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Contact
from picket_fleet.store.releases import Build, Release

POLICY = Policy("share:30%", soak_seconds=5, waves=(60, 100), patience_seconds=60)
POLICIES = (POLICY, Policy("tag:canary=yes", soak_seconds=20, waves=(100,), patience_seconds=30))
DEVICES = st.integers(0, 20)  # of as many as there are just then
HEALTH = st.sampled_from(["ok", "silent: hub"])


class World(RuleBasedStateMachine):
    """A fleet of five devices with a policy."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(Path(self.folder.name) / "fleet.sqlite", create=True)
        fleet.create(self.database, "f" * 32)
        self.now, self.built_at = 1000.0, 0.0
        self.devices: list[int] = []
        self.names: list[str] = []
        self.drafts: list[int] = []
        for _ in range(5):
            self.joins()

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    def device(self, which: int) -> int:
        return self.devices[which % len(self.devices)]

    def hear(self, device: int) -> None:
        devices.heard(self.database, [Contact(device, self.now, self.now + 100)])

    def targets(self) -> dict[int, Release | None]:
        return {d: releases.target_of(self.database, devices.get(self.database, d)) for d in self.devices}

    @initialize()
    def first(self) -> None:
        self.built()
        rollouts.set_policy(self.database, POLICY)

    def built(self, is_draft: bool = False) -> Release:
        # Which release is the latest is by their times: one that seems older than the last is not followed at all.
        self.built_at = max(self.built_at + 1, self.now)
        begun = releases.begin(self.database, "1.0.0", self.built_at)
        config = f'{{"n": {begun.id}, "rootfs": {{"diff_ids": []}}}}'.encode()
        build = Build({}, {"web": config}, is_draft=is_draft)
        return releases.publish(self.database, begun.id, build, lambda data: data, self.now)

    @rule()
    def push(self) -> None:
        before = self.targets()
        self.built()
        if rollouts.policy(self.database):
            assert self.targets() == before  # nobody gets it before a rollout says so

    @rule(seconds=st.sampled_from([1.0, 5.0, 30.0, 500.0, -200.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        rolling.look(self.database, self.now)
        newest, settled = rollouts.newest(self.database), rollouts.settled(self.database)
        if fleet.get(self.database).pinned_release is None and rollouts.governing(self.database) is None:
            assert settled == newest  # what is not rolled out is everybody's

    @rule(which=DEVICES, health=HEALTH)
    def runs_its_target(self, which: int, health: str) -> None:
        device = self.device(which)
        self.hear(device)
        target = self.targets()[device]
        if target is None:
            return
        [image] = images.of(self.database, target.id)
        services = {"web": {"image": f"x@sha256:{image.image_id}", "status": "Running"}}
        said = {"releases": {target.commit_id: {"update_status": "done", "services": services}}}
        devices.save_report(self.database, device, {"apps": {"f" * 32: said}})
        devices.save_running(self.database, device, target.commit_id)
        devices.tag(self.database, device, "picket_health", health)

    @rule(which=DEVICES, is_pinned=st.booleans())
    def pin(self, which: int, is_pinned: bool) -> None:
        newest = rollouts.newest(self.database) if is_pinned else None
        devices.pin(self.database, self.device(which), newest)

    @rule(is_pinned=st.booleans())
    def pin_fleet(self, is_pinned: bool) -> None:
        target = releases.target_of(self.database, None)
        fleet.pin(self.database, target.id if target and is_pinned else None)

    @rule(which=DEVICES)
    def roll_a_device_back(self, which: int) -> None:
        device = devices.get(self.database, self.device(which))
        if previous := releases.previous(self.database, device):
            devices.pin(self.database, device.id, previous.id)

    @rule()
    def roll_the_fleet_back(self) -> None:
        if previous := releases.previous(self.database):
            fleet.pin(self.database, previous.id)

    @rule()
    def joins(self) -> None:
        number = len(self.names)
        self.names.append(f"d{number}")
        device = devices.register(
            self.database,
            uuid=f"{number:032x}",
            name=f"d{number}",
            device_type="x",
            key=keys.new_key(),
            now=self.now,
        )
        self.devices.append(device.id)
        self.hear(device.id)

    @precondition(lambda self: len(self.devices) > 1)
    @rule(which=DEVICES)
    def is_removed(self, which: int) -> None:
        device = self.device(which)
        devices.remove(self.database, device)
        self.devices.remove(device)

    @rule(which=DEVICES)
    def is_replaced(self, which: int) -> None:
        old = self.device(which)
        self.joins()
        devices.take_over(self.database, old, self.devices[-1])
        self.devices.remove(old)

    @rule(policy=st.sampled_from([None, *POLICIES]))
    def policy_is_set(self, policy: Policy | None) -> None:
        before = self.targets()
        rollouts.set_policy(self.database, policy)
        if policy is not None:
            assert self.targets() == before

    @rule(which=DEVICES, value=st.sampled_from(["yes", None]))
    def is_canary(self, which: int, value: str | None) -> None:
        devices.tag(self.database, self.device(which), "canary", value)

    @rule()
    def begin_a_draft(self) -> None:
        before = self.targets()
        self.drafts.append(self.built(is_draft=True).id)
        assert self.targets() == before

    @precondition(lambda self: self.drafts)
    @rule()
    def make_a_draft_final(self) -> None:
        before = self.targets()
        releases.finalise(self.database, self.drafts.pop(0), lambda data: data)
        if rollouts.policy(self.database):
            assert self.targets() == before

    @rule()
    def the_server_begins_anew(self) -> None:
        before = self.targets()
        self.database.close()
        self.database = Database(Path(self.folder.name) / "fleet.sqlite")
        assert self.targets() == before

    @rule(which=st.integers(0, 20), undo=st.booleans())
    def invalidate(self, which: int, undo: bool) -> None:
        every = [one for one in releases.everyone(self.database) if one.revision is not None]
        valid = [one for one in every if not one.is_invalidated]
        if undo or len(valid) > 1:
            releases.invalidate(self.database, every[which % len(every)].id, is_invalidated=not undo)

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
        kept, fleets = needed(self.database), fleet.get(self.database).pinned_release
        valid = [one for one in releases.everyone(self.database) if one.revision is not None and not one.is_invalidated]
        for device, target in self.targets().items():
            assert target is not None
            assert target.status == "success"
            assert target.id in kept
            pin = devices.get(self.database, device).pinned_release
            assert pin in (None, target.id)
            if pin is None and fleets is None and target.is_invalidated:
                assert not any(one.started_at < target.started_at for one in valid)

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
TestWorld.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWorld.pytestmark = [pytest.mark.slow]  # type: ignore[attr-defined]
