from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.config.schema import Interlock, Output
from picket.messages import OnOff, OutputCommand
from picket_relay.guard import REMEMBERED_COMMANDS, Guard, age_seconds

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def command(
    name: str = "siren", state: OnOff = "ON", seconds: float | None = None, number: str = "a1", time_ns: int = 0
) -> OutputCommand:
    return OutputCommand(
        time_ns=time_ns,
        id=number,
        output=name,
        state=state,
        seconds=seconds,
        issued_at=NOON,
        ttl_seconds=10,
        origin="mqtt",
    )


def guard(**settings: Any) -> Guard:
    return known(Guard({"siren": Output(pin=1, **settings)}, {}, now=-1000))


def gates(dead_time_seconds: float = 0.5) -> Guard:
    outputs = {name: Output(pin=pin, interlock="gate") for pin, name in enumerate(("up", "down"), 1)}
    return known(Guard(outputs, {"gate": Interlock(dead_time_seconds)}, now=-1000))


def known(guard: Guard, now: float = -1000) -> Guard:
    """Let the chips drive what is meant."""
    guard.latch(guard.states(), now)
    return guard


def state(guard: Guard) -> str:
    return guard.switches["siren"].state


def test_a_pulse_ends_by_its_deadline_and_not_before() -> None:
    siren = guard()
    answer = siren.command(command(seconds=2), now=100, age_seconds=0)

    early, due = siren.end_due(101.99), siren.end_due(102)

    assert (answer.accepted, siren.next_deadline()) == (True, None)
    assert (early, due, state(siren)) == ([], ["siren"], "OFF")


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(9999, "cut to 10 s: max_on_seconds is 10"), (None, ""), (5, "")],
    ids=["too-long", "for-ever", "within"],
)
def test_nothing_is_on_for_longer_than_its_maximum(seconds: float | None, reason: str) -> None:
    siren = guard(max_on_seconds=10)

    answer = siren.command(command(seconds=seconds), now=0, age_seconds=0)

    assert (answer.accepted, answer.reason) == (True, reason)
    assert (siren.next_deadline() or 99) <= 10


def test_pulses_one_upon_another_do_not_stretch_the_maximum() -> None:
    siren = guard(max_on_seconds=10)
    for second in range(9):
        siren.command(command(seconds=5, number=f"n{second}"), now=second, age_seconds=0)

    assert siren.next_deadline() == 10


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (3600.0, "stale: issued 3600.0 s ago, its ttl is 10 s"),
        (-60.0, "issued 60.0 s in the future: check the clocks"),
        (None, "how old it is can't be told: the clock of this device is not set yet"),
        (9.9, ""),
        (-9.9, ""),
    ],
    ids=["an-hour-old", "of-the-future", "before-ntp", "in-time", "a-clock-that-is-a-little-off"],
)
def test_a_command_of_another_time_is_refused(age: float | None, reason: str) -> None:
    siren = guard()

    answer = siren.command(command(), now=0, age_seconds=age)

    assert (answer.accepted, answer.reason, state(siren)) == (not reason, reason, "OFF" if reason else "ON")


def test_before_the_clock_is_set_the_failsafe_state_can_still_be_had() -> None:
    siren = guard()
    siren.command(command(), now=0, age_seconds=0)

    answer = siren.command(command(state="OFF", number="a2"), now=1, age_seconds=None)

    assert (answer.accepted, state(siren)) == (True, "OFF")


@pytest.mark.parametrize(
    ("received", "issued", "age"),
    [
        (NOON, NOON, 0.0),
        (NOON + HOUR, NOON, 3600.0),
        (NOON - HOUR, NOON, -3600.0),
        (datetime(1970, 1, 1, tzinfo=UTC), NOON, None),
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), 0.0),
    ],
    ids=["issued-here", "late", "our-clock-behind", "our-clock-not-set", "issued-here-before-ntp"],
)
def test_the_age_is_as_the_clocks_stood_when_the_command_came_in(
    received: datetime, issued: datetime, age: float | None
) -> None:
    wish = command(time_ns=int(received.timestamp()) * 10**9)

    found = age_seconds(
        OutputCommand(**{name: getattr(wish, name) for name in wish.__struct_fields__} | {"issued_at": issued})
    )

    assert found == age


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (1, "duplicate: this id was accepted already"),
        (0, "duplicate: this id was refused already: seconds: expected more than 0, got 0"),
    ],
    ids=["accepted", "refused"],
)
def test_the_same_command_again_is_refused_with_what_became_of_the_first(seconds: float, reason: str) -> None:
    siren = guard()
    first = siren.command(command(seconds=seconds), now=0, age_seconds=0)

    again = siren.command(command(seconds=seconds), now=0.5, age_seconds=3600)

    assert (again.accepted, again.reason) == (False, reason)
    assert (first.repeated, again.repeated) == (False, True)
    assert siren.next_deadline() == (1 if seconds else None)


def test_another_command_under_a_used_id_is_refused() -> None:
    siren = guard()
    siren.command(command(), now=0, age_seconds=0)

    answer = siren.command(command(state="OFF"), now=1, age_seconds=0)

    assert (answer.accepted, state(siren)) == (False, "ON")
    assert answer.reason == "its id was ON of siren already: every command needs one of its own"


def test_the_memory_of_commands_is_bounded() -> None:
    siren = guard()
    for number in range(REMEMBERED_COMMANDS + 5):
        siren.command(command(number=f"n{number}"), now=number, age_seconds=0)

    assert (len(siren.answers), next(iter(siren.answers))) == (REMEMBERED_COMMANDS, "n5")


@pytest.mark.parametrize(
    ("retrigger", "accepted", "deadline"), [("extend", True, 8), ("ignore", False, 8), ("replace", True, 3)]
)
def test_a_shorter_pulse_into_a_running_one_follows_the_rule(retrigger: str, accepted: bool, deadline: float) -> None:
    siren = guard(retrigger=retrigger)
    siren.command(command(seconds=8), now=0, age_seconds=0)

    answer = siren.command(command(seconds=2, number="a2"), now=1, age_seconds=0)

    assert (answer.accepted, siren.next_deadline()) == (accepted, deadline)


def test_off_ends_a_pulse_at_once() -> None:
    siren = guard()
    siren.command(command(seconds=8), now=0, age_seconds=0)

    siren.command(command(state="OFF", number="a2"), now=1, age_seconds=0)

    assert (state(siren), siren.next_deadline()) == ("OFF", None)


@pytest.mark.parametrize(
    ("off_for", "reason"),
    [(2.9, "off for 2.9 s only: min_off_seconds is 3"), (3.0, "")],
    ids=["too-soon", "in-time"],
)
def test_an_output_stays_off_for_its_minimum_which_begins_when_the_chip_is_told(off_for: float, reason: str) -> None:
    pump = guard(min_off_seconds=3)
    pump.command(command(), now=0, age_seconds=0)
    known(pump, 0)
    pump.command(command(state="OFF", number="a2"), now=10, age_seconds=0)
    known(pump, 12)

    answer = pump.command(command(number="a3"), now=12 + off_for, age_seconds=0)

    assert (answer.accepted, answer.reason) == (not reason, reason)


@pytest.mark.parametrize(
    ("off_at", "now", "reason"),
    [
        (None, 1, "interlocked with up, which is on"),
        (5, 5.25, "interlocked with up, off for 0.2 s: the dead time is 0.5 s"),
        (5, 5.5, ""),
    ],
    ids=["on", "dead-time", "off-for-long-enough"],
)
def test_of_interlocked_outputs_the_next_waits_for_the_last(off_at: float | None, now: float, reason: str) -> None:
    gate = gates()
    gate.command(command("up"), now=0, age_seconds=0)
    known(gate, 0)
    if off_at:
        gate.command(command("up", "OFF", number="a2"), now=off_at, age_seconds=0)
        known(gate, off_at)

    answer = gate.command(command("down", number="a3"), now=now, age_seconds=0)

    assert (answer.accepted, answer.reason) == (not reason, reason)


def test_what_may_still_be_on_counts_as_on() -> None:
    gate = gates()
    gate.command(command("up", seconds=1), now=0, age_seconds=0)
    known(gate, 0)
    gate.end_due(1)
    gate.doubt(["up"])

    answer = gate.command(command("down", number="a2"), now=60, age_seconds=0)

    assert answer.reason == "interlocked with up, which may still be on: its expander does not answer"


def test_counters_go_by_the_chip() -> None:
    siren = guard()
    for number, start in enumerate((0, 100)):
        siren.command(command(seconds=4, number=f"n{number}"), now=start, age_seconds=0)
        known(siren, start)
        siren.end_due(start + 4)
        known(siren, start + 5)

    tally = siren.switches["siren"].tally_at(1000)

    assert (tally.switches, tally.on_seconds) == (2, 10)


def test_what_fell_with_its_chip_and_has_a_minimum_off_time_stays_off() -> None:
    pump = guard(min_off_seconds=3)
    pump.command(command(), now=0, age_seconds=0)
    known(pump, 0)

    pump.find({"siren": "OFF"}, 5)

    assert (state(pump), pump.switches["siren"].latched_since) == ("OFF", 5)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (command(seconds=0), "seconds: expected more than 0, got 0"),
        (command(seconds=float("nan")), "seconds: expected more than 0, got nan"),
        (command(state="OFF", seconds=5), "seconds goes with ON only: this output rests OFF"),
        (command(name="attic"), "there is no output 'attic'"),
    ],
    ids=["no-time", "not-a-time", "pulse-into-rest", "unknown-output"],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_reason(wish: OutputCommand, reason: str) -> None:
    assert guard().command(wish, now=0, age_seconds=0).reason == reason


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5),
            st.sampled_from(["ON", "OFF"]),
            st.none() | st.floats(-1, 30),
            st.sampled_from(["extend", "ignore", "replace"]),
        ),
        max_size=40,
    )
)
def test_whatever_comes_the_maximum_holds(steps: list[tuple[float, OnOff, float | None, Any]]) -> None:
    siren = guard(max_on_seconds=10, retrigger=steps[0][3] if steps else "extend")
    now, on_since = 0.0, None
    for number, (pause, wish, seconds, _) in enumerate(steps):
        deadline = siren.next_deadline()
        now += pause
        if deadline is not None and deadline <= now:
            assert on_since is not None and deadline - on_since <= 10 + 1e-9
        siren.end_due(now)
        on_since = None if state(siren) == "OFF" else on_since
        siren.command(command(state=wish, seconds=seconds, number=str(number)), now, 0)
        on_since = (now if on_since is None else on_since) if state(siren) == "ON" else None

        assert (siren.next_deadline() is None) == (state(siren) == "OFF")
