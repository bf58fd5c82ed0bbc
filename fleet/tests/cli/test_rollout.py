"""The policy, the rollout as it is shown, and what a person does about it."""

import pytest

from picket_fleet.store import devices, releases, rolling, rollouts

from .conftest import House, Run


@pytest.fixture
def rolling_house(house: House, run: Run) -> House:
    """A fleet whose latest release has just begun to be rolled out: hall is the canary."""
    devices.tag(house.database, house.hall.id, "canary", "yes")
    run("rollout", "policy", "--canary", "tag:canary=yes", "--soak", "10m", "--waves", "50%,100%")
    house.third = house.publish(house.now - 60, b"system", b"web 4")  # type: ignore[attr-defined]
    rolling.look(house.database, house.now)
    return house


def test_at_first_everybody_gets_a_release_at_once(house: House, run: Run) -> None:  # noqa: ARG001
    assert run("rollout").out == "nothing is rolled out; a new release is for everybody at once\n"


def test_a_policy_is_set_changed_and_taken_away(house: House, run: Run) -> None:  # noqa: ARG001
    first = run("rollout", "policy", "--canary", "share:10%", "--soak", "90s", "--waves", "25%,100%")
    then = run("rollout", "policy", "--patience", "2h")
    off = run("rollout", "policy", "--off")

    assert (
        first.out == "a new release is for share:10% first, then 25 %, 100 %; each well for 90 s, waiting up to 1 h\n"
    )
    assert then.out == "a new release is for share:10% first, then 25 %, 100 %; each well for 90 s, waiting up to 2 h\n"
    assert off.out == "a new release is for everybody at once\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["--soak", "10m"], "say who gets a release first", id="no-canary"),
        pytest.param(["--canary", "hall"], "expected tag:NAME=VALUE or share:10%", id="no-kind"),
        pytest.param(["--canary", "share:5%", "--waves", "50%"], "growing percentages up to 100", id="not-all"),
        pytest.param(["--canary", "share:5%", "--soak", "soon"], "expected a time", id="no-time"),
        pytest.param(["--canary", "share:5%", "--off"], "--off goes without", id="both"),
    ],
)
def test_nonsense_is_refused(words: list[str], why: str, house: House, run: Run) -> None:
    said = run("rollout", "policy", *words)

    assert said.code == 1
    assert why in said.err
    assert rollouts.policy(house.database) is None


def test_a_tag_that_no_device_has_is_told(house: House, run: Run) -> None:  # noqa: ARG001
    assert "'fleet tag DEVICE canary=yes' makes it" in run("rollout", "policy", "--canary", "tag:canary=yes").out


def test_it_is_shown_by_stages(rolling_house: House, run: Run) -> None:  # noqa: ARG001
    said = run("rollout")

    assert said.out.splitlines()[:6] == [
        "0.1.0+rev2 over 0.1.0+rev1: rolling, canaries (0 of 1 good)",
        "",
        "STAGE     DEVICE  STATE     TARGET      WHY",
        "canaries  hall    updating  0.1.0+rev2",
        "50 %      attic   waiting   0.1.0+rev1",
        "100 %     shed    waiting   0.1.0+rev1",
    ]
    assert "fleet rollout undo      everybody is to run 0.1.0+rev1" in said.out
    assert "rollout: 0.1.0+rev2 over 0.1.0+rev1: rolling" in run("devices").out


def test_a_person_goes_on_halts_and_undoes(rolling_house: House, run: Run) -> None:
    went_on = run("rollout", "continue")
    halted = run("rollout", "halt")
    undone = run("rollout", "undo")
    again = run("rollout", "undo")

    assert went_on.out == "0.1.0+rev2 is rolled out: 50 %\n"
    assert halted.out == "0.1.0+rev2 goes to nobody else; who has it keeps it\n"
    assert undone.out == "0.1.0+rev2 is taken back: everybody is to run 0.1.0+rev1\n"
    assert (again.code, again.err) == (1, "fleet: the rollout is taken back: there is nothing to undo\n")
    assert "by hand" in run("rollout").out
    assert releases.target_of(rolling_house.database, rolling_house.hall) == rolling_house.second


def test_the_fleets_rollback_during_a_rollout_goes_to_what_the_others_have(rolling_house: House, run: Run) -> None:
    run("rollback")

    assert releases.target_of(rolling_house.database, rolling_house.hall) == rolling_house.second


def test_without_a_rollout_there_is_nothing_to_continue(house: House, run: Run) -> None:  # noqa: ARG001
    said = run("rollout", "continue")

    assert (said.code, "nothing is being rolled out" in said.err) == (1, True)
