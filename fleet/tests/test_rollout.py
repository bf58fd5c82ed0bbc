"""Rollouts in virtual time: which device gets the release when, when it stops, and that it does so for good."""

import functools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picket_fleet.errors import FleetError
from picket_fleet.releases import policy
from picket_fleet.releases.judging import GRACE_SECONDS, Seen, State, faults
from picket_fleet.releases.policy import Candidate, Policy, stages
from picket_fleet.releases.rollout import Phase, Rollout, begin, halt, resume, step, target

OLD, NEW = 1, 2
POLICY = Policy("share:1%", soak_seconds=600, waves=(50, 100), patience_seconds=3600)
IDLE = Seen()
LOADING = Seen(update="downloading")
WELL = Seen(update="done", wrong="", health="ok", said_at=1)
SAID = WELL._replace(said_at=2)


class Story:
    """A rollout over four devices: 1 is the canary, 2 the first wave, 3 and 4 the last one."""

    def __init__(self, policy: Policy = POLICY, **seen: Seen) -> None:
        self.seen: dict[int, Seen] = {device: seen.get(f"d{device}", IDLE) for device in (1, 2, 3, 4)}
        self.names = {device: f"d{device}" for device in self.seen}
        places = {1: 0, 2: 1, 3: 2, 4: 2}
        self.rollout = begin(NEW, OLD, policy, places, self.seen, {})

    def goes(self, seconds: float, **seen: Seen) -> "Story":
        """Let time pass, in which devices are so."""
        self.seen |= {int(name[1:]): one for name, one in seen.items()}
        while seconds > 0:
            self.rollout = step(self.rollout, self.seen, min(seconds, 10), self.names)
            seconds -= 10
        return self

    def have(self) -> set[int]:
        """Return who is to run the new release."""
        return {device for device in self.seen if target(self.rollout, device) == NEW}

    def state(self, device: int) -> State:
        return self.rollout.members[device].state


def test_a_good_release_reaches_the_canary_then_the_wave_then_all() -> None:
    story = Story()
    assert story.have() == {1}

    story.goes(20, d1=LOADING).goes(10, d1=WELL).goes(600, d1=SAID)
    assert story.have() == {1, 2}
    story.goes(10, d2=WELL).goes(600, d2=SAID)
    assert story.have() == {1, 2, 3, 4}
    story.goes(10, d3=WELL, d4=WELL).goes(600, d3=SAID, d4=SAID)

    assert story.rollout.phase == Phase.DONE
    assert target(story.rollout, None) == NEW


BAD: list[Any] = [
    pytest.param(
        SAID._replace(health="silent: gpio-input"), 10 + GRACE_SECONDS, "silent gpio-input", id="it-stops-sampling"
    ),
    pytest.param(SAID._replace(health="degraded: relay"), 10 + GRACE_SECONDS, "degraded relay", id="a-chip-is-lost"),
    pytest.param(SAID._replace(is_quiet=True), 10 + GRACE_SECONDS, "Picket is not heard", id="its-gateway-hangs"),
    pytest.param(SAID._replace(wrong="web: exited"), 10 + GRACE_SECONDS, "web: exited", id="a-service-ends"),
    pytest.param(WELL._replace(restarts={"web": 4}), 10, "web: a crash loop", id="a-crash-loop"),
    pytest.param(
        LOADING._replace(update="rejected", rejected="hub: gone"), 10, "its agent went back: hub: gone", id="rejected"
    ),
]


@pytest.mark.parametrize(("seen", "seconds", "why"), BAD)
def test_a_bad_canary_has_the_release_taken_back(seen: Seen, seconds: float, why: str) -> None:
    story = Story().goes(10, d1=WELL)

    story.goes(seconds, d1=seen)

    assert (story.rollout.phase, story.rollout.reason) == (Phase.TAKEN_BACK, f"d1: {why}")
    assert story.have() == set()


def test_one_that_turns_bad_in_a_wave_takes_it_back_from_all_that_have_it() -> None:
    story = Story().goes(10, d1=WELL).goes(610, d1=SAID)
    assert story.have() == {1, 2}

    story.goes(10, d2=WELL).goes(200, d1=SAID._replace(health="silent: hub"))

    assert story.rollout.reason == "d1: silent hub"
    assert story.have() == set()


def test_what_a_device_complained_of_before_is_not_the_releases_fault_but_worse_is() -> None:
    before = Seen(health="degraded: recorder", said_at=7)
    same = Story(d1=before).goes(10, d1=WELL._replace(health=before.health, said_at=7))
    worse = Story(d1=before).goes(10, d1=WELL._replace(health=before.health, said_at=7))

    same.goes(620, d1=SAID._replace(health="degraded: recorder"))
    worse.goes(620, d1=SAID._replace(health="silent: recorder"))

    assert same.have() == {1, 2}
    assert worse.rollout.phase == Phase.TAKEN_BACK


def test_an_ok_from_before_the_release_ran_counts_only_once_it_would_have_been_taken_back() -> None:
    quick = Policy("share:1%", soak_seconds=10, waves=(100,))
    silent, saying = Story(quick).goes(10, d1=WELL), Story(quick).goes(10, d1=WELL)

    silent.goes(40)
    saying.goes(40, d1=SAID)

    assert (silent.state(1), saying.state(1)) == (State.SOAKING, State.GOOD)
    silent.goes(GRACE_SECONDS)
    assert silent.state(1) == State.GOOD


def test_a_bad_word_from_before_the_release_ran_halts_nothing() -> None:
    left_over = WELL._replace(health="silent: gpio-input")  # said while its container was being replaced

    story = Story().goes(60, d1=left_over).goes(600, d1=SAID)

    assert story.have() == {1, 2}


def test_a_fleet_without_picket_is_judged_by_its_services() -> None:
    plain = WELL._replace(health=None)

    story = Story().goes(610, d1=plain)

    assert story.have() == {1, 2}


def test_the_soak_begins_anew_after_a_restart_a_moment_of_trouble_and_a_while_offline() -> None:
    troubles = {
        "a restart": SAID._replace(restarts={"web": 1}),
        "a moment": SAID._replace(health="degraded: gateway"),
        "offline": SAID._replace(is_online=False),
    }
    for trouble in troubles.values():
        story = Story().goes(10, d1=WELL).goes(590, d1=SAID).goes(10, d1=trouble)

        story.goes(590, d1=trouble._replace(is_online=True, health="ok"))

        assert story.have() == {1}
        assert story.goes(30).have() == {1, 2}


def test_a_canary_that_goes_offline_halts_it_when_patience_is_over_and_nothing_is_taken_back() -> None:
    story = Story().goes(100, d1=WELL).goes(3000, d1=WELL._replace(is_online=False))
    assert story.rollout.phase == Phase.ROLLING

    story.goes(600)

    assert (story.rollout.phase, story.rollout.reason) == (Phase.HALTED, "nobody to judge by: d1: offline")
    assert story.have() == {1}


def test_who_has_the_release_is_judged_also_while_it_is_halted_but_not_when_a_person_did_that() -> None:
    story = Story().goes(10, d1=WELL).goes(610, d1=SAID).goes(10, d2=WELL).goes(3700, d2=WELL._replace(is_online=False))
    assert story.rollout.phase == Phase.HALTED
    by_hand = Story().goes(10, d1=WELL)
    by_hand.rollout = halt(by_hand.rollout)

    for one in (story, by_hand):
        one.goes(200, d1=SAID._replace(health="silent: hub"))

    assert (story.rollout.phase, story.rollout.reason) == (Phase.TAKEN_BACK, "d1: silent hub")
    assert by_hand.rollout.phase == Phase.HALTED


def test_a_device_that_was_offline_all_the_time_holds_up_no_wave() -> None:
    away = Seen(is_online=False)
    story = Story(d2=away).goes(10, d1=WELL).goes(610, d1=SAID)

    story.goes(10)

    assert story.rollout.stage == 2
    assert story.have() == {1, 2, 3, 4}


def test_without_a_canary_nobody_gets_it_before_a_person_says_so() -> None:
    story = Story()
    story.rollout = begin(NEW, OLD, POLICY, {1: 1, 2: 1, 3: 2, 4: 2}, story.seen, {})

    story.goes(10)

    assert story.rollout.reason.startswith("nobody to judge by: no device is a canary")
    assert story.have() == set()
    story.rollout = resume(story.rollout, story.seen)
    assert story.have() == {1, 2}


def test_a_person_halts_and_goes_on_and_overrules_and_undoes() -> None:
    story = Story().goes(10)

    story.rollout = halt(story.rollout)
    assert story.goes(7200, d1=SAID).have() == {1}
    story.rollout = resume(story.rollout, story.seen)
    assert (story.rollout.phase, story.rollout.stage) == (Phase.ROLLING, 0)
    story.rollout = resume(story.rollout, story.seen)
    assert story.have() == {1, 2}
    assert story.state(1) == State.OVERRULED
    story.rollout = halt(story.rollout, undo=True)
    assert story.have() == set()
    story.rollout = resume(story.rollout, story.seen)
    assert story.have() == {1, 2}
    with pytest.raises(FleetError, match="nothing to undo"):
        halt(Story().goes(1).rollout.__class__(NEW, OLD, POLICY, {}, phase=Phase.DONE), undo=True)


def test_after_a_bad_canary_a_person_can_go_on_without_it() -> None:
    story = Story().goes(10, d1=WELL).goes(10, d1=WELL._replace(restarts={"web": 9}))
    assert story.rollout.phase == Phase.TAKEN_BACK

    story.rollout = resume(story.rollout, story.seen)

    assert story.goes(60).have() == {1, 2}
    assert story.rollout.phase == Phase.ROLLING


def test_an_old_rejection_of_the_same_release_does_not_count_again() -> None:
    refused = LOADING._replace(update="rejected", rejected="no")
    story = Story().goes(10, d1=refused)
    story.rollout = halt(Story(d1=refused).rollout, undo=True)
    story.rollout = resume(story.rollout, story.seen)

    story.goes(30)
    assert story.rollout.phase == Phase.ROLLING
    story.goes(10, d1=LOADING).goes(10, d1=refused)

    assert story.rollout.phase == Phase.TAKEN_BACK


def test_who_comes_later_is_among_the_last() -> None:
    story = Story().goes(10)
    story.names[5] = "d5"

    story.goes(10, d5=IDLE)

    assert story.rollout.members[5].stage == 2
    assert target(story.rollout, 5) == OLD


# devices, each as anything may be said of it at any time

HEALTHS = (None, "ok", "starting", "silent: hub", "degraded: relay")
ANYTHING = st.builds(
    Seen,
    is_online=st.booleans(),
    is_pinned=st.booleans(),
    update=st.sampled_from(["waiting", "downloading", "done", "rejected"]),
    rejected=st.sampled_from(["", "", "", "no"]),
    wrong=st.sampled_from(["", "", "web: exited"]),
    restarts=st.dictionaries(st.sampled_from(["web", "hub"]), st.integers(0, 9)),
    health=st.sampled_from(HEALTHS),
    said_at=st.integers(0, 3).map(float),
)
POLICIES = st.builds(
    Policy,
    canary=st.sampled_from(["share:10%", "share:40%", "tag:canary=yes"]),
    soak_seconds=st.sampled_from([1.0, 30.0, 600.0]),
    waves=st.sampled_from([(100.0,), (50.0, 100.0), (1.0, 30.0, 100.0)]),
    patience_seconds=st.sampled_from([60.0, 3600.0]),
)
DEVICES = range(1, 8)
SIGHTS = st.fixed_dictionaries(dict.fromkeys(DEVICES, ANYTHING))
TAGGED = st.sets(st.sampled_from(list(DEVICES)))


def _begun(policy: Policy, tagged: set[int], seen: Mapping[int, Seen]) -> tuple[Rollout, dict[int, int]]:
    candidates = [
        Candidate(device, f"{device:032x}", {"canary": "yes"} if device in tagged else {}, one.is_online, False)
        for device, one in seen.items()
        if not one.is_pinned
    ]
    places = stages(policy, candidates)
    return begin(NEW, OLD, policy, places, seen, {}), places


@given(POLICIES, TAGGED, st.lists(SIGHTS, min_size=2, max_size=12), st.sampled_from([1.0, 10.0]))
@settings(max_examples=150, deadline=None)
def test_never_more_than_the_stages_devices_are_ahead_and_everybody_has_one_target(
    policy: Policy, tagged: set[int], sights: list[dict[int, Seen]], seconds: float
) -> None:
    rollout, places = _begun(policy, tagged, sights[0])
    stage = rollout.stage
    for seen in sights * 3:
        rollout = step(rollout, seen, seconds, {})

        targets = {device: target(rollout, device) for device in DEVICES}
        ahead = {device for device, release in targets.items() if release == NEW}
        assert set(targets.values()) <= {OLD, NEW}
        if rollout.phase == Phase.TAKEN_BACK:
            assert not ahead
        if rollout.phase in (Phase.ROLLING, Phase.HALTED):
            allowed = {d for d in DEVICES if places.get(d, policy.last_stage) <= rollout.stage}
            assert ahead == allowed
        assert rollout.stage >= stage
        stage = rollout.stage


@given(POLICIES, TAGGED, st.lists(SIGHTS, min_size=2, max_size=12), st.lists(SIGHTS, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_what_has_ended_stays_so_whatever_is_seen_later(
    policy: Policy, tagged: set[int], before: list[dict[int, Seen]], after: list[dict[int, Seen]]
) -> None:
    rollout, _ = _begun(policy, tagged, before[0])
    for seen in before * 4:
        rollout = step(rollout, seen, 10, {})
    ended = rollout

    for seen in after:
        rollout = step(rollout, seen, 10, {})

    if ended.phase in (Phase.DONE, Phase.TAKEN_BACK):
        assert rollout == ended
    if ended.phase == Phase.HALTED:
        assert rollout.phase in (Phase.HALTED, Phase.TAKEN_BACK)
        assert rollout.stage == ended.stage
    if ended.phase == Phase.TAKEN_BACK:
        assert {target(rollout, device) for device in DEVICES} == {OLD}


@given(POLICIES, TAGGED)
@settings(max_examples=50, deadline=None)
def test_where_all_is_well_everybody_has_it_in_the_end(policy: Policy, tagged: set[int]) -> None:
    seen = dict.fromkeys(DEVICES, SAID)
    rollout, _ = _begun(policy, tagged, seen)
    if policy.canary.startswith("tag") and not tagged:
        return

    for _ in range(400):
        rollout = step(rollout, seen, 10, {})

    assert rollout.phase == Phase.DONE


@given(POLICIES, TAGGED, SIGHTS)
@settings(max_examples=100, deadline=None)
def test_no_stage_passes_sooner_than_its_soak(policy: Policy, tagged: set[int], seen: dict[int, Seen]) -> None:
    rollout, _ = _begun(policy, tagged, seen)

    after = functools.reduce(lambda one, _: step(one, seen, 1, {}), range(int(policy.soak_seconds) - 1), rollout)

    canaries = [d for d, m in rollout.members.items() if m.stage == 0]
    if canaries:
        assert after.stage == 0


@pytest.mark.parametrize(
    ("canary", "wanted"),
    [
        pytest.param("tag:canary=yes", {1: 2, 2: 0, 3: 1, 4: 2}, id="by-a-tag"),
        pytest.param("share:10%", {1: 2, 2: 1, 3: 0, 4: 2}, id="by-a-share-who-is-ahead-first"),
    ],
)
def test_who_is_in_which_stage(canary: str, wanted: dict[int, int]) -> None:
    every = [
        Candidate(1, "a", {}, False, False),
        Candidate(2, "b", {"canary": "yes"}, True, False),
        Candidate(3, "c", {}, False, True),
        Candidate(4, "d", {"canary": "no"}, False, False),
    ]

    assert stages(Policy(canary, waves=(50, 100)), every) == wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("ok", set(), id="ok"),
        pytest.param(
            "silent: hub; degraded: relay, recorder", {"silent hub", "degraded relay", "degraded recorder"}, id="both"
        ),
        pytest.param("starting", {"starting"}, id="not-yet"),
    ],
)
def test_what_picket_says_of_its_health(text: str, found: set[str]) -> None:
    assert faults(text) == found


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(lambda: Policy("share:0%"), id="nobody"),
        pytest.param(lambda: Policy("canary=yes"), id="no-kind"),
        pytest.param(lambda: Policy("share:5%", waves=(50, 20, 100)), id="shrinking"),
        pytest.param(lambda: Policy("share:5%", waves=(50,)), id="not-all"),
        pytest.param(lambda: policy.seconds("ten minutes"), id="no-time"),
        pytest.param(lambda: policy.percentages("25%,x"), id="no-percentage"),
    ],
)
def test_nonsense_is_refused(nonsense: Any) -> None:
    with pytest.raises(FleetError):
        nonsense()
