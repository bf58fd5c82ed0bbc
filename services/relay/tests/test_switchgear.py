"""Guard, ledger and drivers together on simulated chips in virtual time, judged by the chips."""

from pathlib import Path

import pytest

from picket.config.schema import Output
from services.relay.tests.gear import Gear, Killed

OUTPUTS = {
    "siren": Output(pin=1, max_on_seconds=10),
    "lamp": Output(pin=17, active_low=True),
    "up": Output(pin=2, interlock="gate"),
    "down": Output(pin=18, interlock="gate"),
    "pump": Output(pin=3, min_off_seconds=3),
}


@pytest.fixture
def gear(tmp_path: Path) -> Gear:
    return Gear(tmp_path, OUTPUTS)


def faults(gear: Gear, subject: str) -> list[tuple[str, str]]:
    return [(fault.state, fault.text) for fault in gear.told.faults if fault.subject == subject]


def test_a_pulse_is_as_long_as_was_asked_for_from_the_pin_on(gear: Gear) -> None:
    gear.command("siren", seconds=0.1)
    gear.run(1)

    (on_at, _), (off_at, _) = gear.chips[0x20].levels(1)[-2:]
    assert 0.1 <= off_at - on_at < 0.101


@pytest.mark.parametrize("after_seconds", [0.5, 5.0], ids=["before-its-end", "past-its-end"])
def test_what_a_dead_guard_left_on_is_ended_and_told(gear: Gear, after_seconds: float) -> None:
    gear.command("siren", seconds=2, number="a1")
    gear.kill()
    gear.clock.sleep(after_seconds)

    gear.start()

    assert gear.on() == set()
    (_, text), (end, _) = faults(gear, "output siren")
    when = "1.5 s before its end" if after_seconds < 2 else "3.0 s past its end"
    assert (text, end) == (f"aborted: the guard died while it was ON, {when}; the chip still drove it", "end")
    assert gear.switchgear.shown()["siren"].why == text


def test_a_pulse_that_ended_just_before_the_guard_died_is_no_fault(gear: Gear) -> None:
    gear.command("siren", seconds=0.2)
    gear.run(0.3)
    gear.kill()

    gear.start()

    assert faults(gear, "output siren") == []


def test_after_a_reboot_nothing_goes_on(gear: Gear) -> None:
    gear.command("siren", seconds=9)
    gear.kill()
    gear.boot = "boot-2"

    gear.start()

    assert gear.on() == set()
    assert "before a reboot" in faults(gear, "output siren")[0][1]


@pytest.mark.parametrize("steps", range(6))
def test_killed_at_any_step_a_command_is_not_executed_twice(gear: Gear, steps: int) -> None:
    gear.fate.steps_left = steps
    with pytest.raises(Killed):
        gear.command("siren", seconds=5, number="a1")
        gear.run(60)
    gear.fate.steps_left = None
    was_on = gear.on() == {"siren"}
    gear.kill()
    gear.start()

    again = gear.command("siren", seconds=5, number="a1")

    assert again.repeated or not was_on
    assert (gear.on() == {"siren"}) == (not again.repeated)


def test_the_next_guard_knows_what_was_answered_before(gear: Gear) -> None:
    gear.command("siren", seconds=99, number="a1")
    gear.run(20)
    gear.kill()
    gear.start()

    again = gear.command("siren", seconds=99, number="a1")

    assert (again.accepted, again.state) == (False, "OFF")
    assert again.reason.startswith("duplicate: this id was accepted already: cut to ")
    assert (again.repeated, gear.on()) == (True, set())


def test_on_a_full_disk_nothing_goes_on_and_all_goes_off(gear: Gear) -> None:
    gear.command("lamp")
    gear.fill_disk()

    refused, off = gear.command("siren", seconds=1), gear.command("lamp", "OFF")
    gear.run(3)
    during = gear.on()
    gear.fill_disk(False)
    gear.run(1.1)

    assert (refused.accepted, refused.reason) == (False, "it can't be written down first, and so could outlive a crash")
    assert (off.accepted, during) == (True, set())
    assert [state for state, _ in faults(gear, "ledger")] == ["begin", "end"]
    assert gear.command("siren", seconds=1).accepted


def test_a_pulse_that_can_not_be_prolonged_on_paper_keeps_its_end(gear: Gear) -> None:
    gear.command("siren", seconds=2)
    gear.fill_disk()

    gear.command("siren", seconds=8)
    gear.run(2.1)

    assert gear.on() == set()


def test_a_damaged_ledger_is_told_and_all_is_safe(gear: Gear, tmp_path: Path) -> None:
    gear.command("siren", seconds=9)
    gear.kill()
    (tmp_path / "relay-ledger.json").write_bytes(b"\x00\xff")

    gear.start()

    assert gear.on() == set()
    assert [state for state, _ in faults(gear, "ledger")] == ["begin", "end"]
    assert gear.command("siren", seconds=9).accepted


def test_a_pulse_ends_as_soon_as_its_chip_answers_again(gear: Gear) -> None:
    gear.command("siren", seconds=1)
    gear.bus.fault(0x20, "nack", 5)
    gear.run(4.9)
    during = gear.switchgear.shown()["siren"]

    gear.run(0.3)

    assert (during.state, gear.on()) == ("ON", set())
    assert during.why.endswith("but the expander does not answer")


def test_an_interlock_holds_across_chips_when_one_does_not_answer(gear: Gear) -> None:
    gear.command("up", seconds=1)
    gear.bus.fault(0x20, "nack", 5)
    gear.run(3)

    during = gear.command("down")
    gear.run(3)
    after = gear.command("down")

    assert during.reason == "interlocked with up, which may still be on: its expander does not answer"
    assert (after.accepted, gear.on()) == (True, {"down"})


def test_after_a_brown_out_what_has_a_minimum_off_time_stays_off_and_the_rest_comes_back(gear: Gear) -> None:
    gear.run(3)
    gear.command("pump")
    gear.command("siren")
    gear.bus.fault(0x20, "brownout")
    gear.run(1.1)

    too_soon, why = gear.command("pump"), gear.switchgear.shown()["pump"].why

    assert gear.on() == {"siren"}
    assert (too_soon.accepted, too_soon.reason[-20:]) == (False, "min_off_seconds is 3")
    assert why.startswith("its expander lost power")


def test_counters_outlive_the_guard(gear: Gear) -> None:
    for _ in range(3):
        gear.command("siren", seconds=2)
        gear.run(3)
    gear.kill()
    gear.start()

    tally = gear.switchgear.tallies()["siren"]

    assert tally.switches == 3
    assert tally.on_seconds == pytest.approx(6, abs=0.05)
