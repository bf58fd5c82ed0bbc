"""When people are told, and how much."""

from picket_notifier.alerts import MOST_CHARACTERS, MOST_SUBJECTS
from services.notifier.tests.people import COOLDOWN, LONGEST, PER_HOUR, People, fault, motion

HOUR = 3600.0
SAID_BY_ONE_SUBJECT_IN_12_HOURS = 30


def test_a_subject_is_told_of_once_a_cooldown_and_its_last_word_when_it_ends() -> None:
    people = People()

    for second in range(0, 60, 2):
        people.tell(motion(second))

    assert len(people.heard) == 1
    assert people.look(59.9) is None
    assert people.look(60) == "Motion at hall (demo), 2026-11-21 12:00:58 UTC: 2 pulses in 5 s (and 28 more)"
    assert people.alerts.held == 0


def test_subjects_cool_down_each_for_itself() -> None:
    people = People()

    told = [people.tell(message) for message in (motion(0), motion(1, name="yard"), motion(2, zone="tamper"), fault(3))]

    assert all(told)


def test_a_sensor_that_flaps_all_night_is_told_of_less_and_less_often() -> None:
    people = People(per_hour=1000)

    for second in range(0, 12 * 3600, 2):
        people.tell(motion(second))
    people.wait(12 * HOUR, 13 * HOUR)

    gaps = [b - a for a, b in zip(people.times, people.times[1:], strict=False)]
    assert gaps[:6] == [60, 120, 240, 480, 960, 1800]
    assert len(people.heard) <= SAID_BY_ONE_SUBJECT_IN_12_HOURS
    assert sum(1 + int(text.split("(and ")[1].split()[0] if "(and " in text else 0) for text in people.heard) == 21600


def test_recovery_does_not_reset_the_cooldown_and_silence_does() -> None:
    people = People()
    for second in range(0, 3600, 10):
        people.tell(fault(second, state="begin" if second % 20 == 0 else "end"))
    people.wait(3600, 3600 + LONGEST)
    assert len(people.heard) <= 8

    people.tell(fault(20_000))
    people.tell(fault(20_001, state="end"))

    assert people.times[-1] == 20_000
    assert people.look(20_000 + COOLDOWN) is not None


def test_what_is_mended_says_how_long_and_how_often_it_was_not() -> None:
    people = People()
    people.tell(fault(0))
    for second in range(10, 50, 10):
        people.tell(fault(second, state="end", text="works again"))
        people.tell(fault(second + 5))
    people.tell(fault(7200, state="end", text="works again"), at=7200)

    assert people.heard[-1].endswith("14:00:00 UTC, after 2 h, 5 times: works again (and 8 more)")

    people.tell(fault(20_000))
    people.tell(fault(20_100, state="end", text="works again"))
    assert people.heard[-1].endswith(" UTC, after 2 min: works again"), "the next trouble is counted anew"


def test_a_storm_of_faults_is_a_few_messages_and_a_digest_that_says_what_it_stands_for() -> None:
    people = People()

    for number in range(1000):
        service, subject = ("sampler", "adc") if number % 2 else ("relay", f"io {number % 16}")
        people.tell(fault(number * 0.06, service=service, subject=subject))
    people.wait(60, 2 * HOUR)

    assert people.most_in(HOUR) <= PER_HOUR
    digest = people.heard[4].splitlines()
    assert digest[0] == ("996 messages on 9 subjects since 2026-11-21 12:00:00 UTC: fault sampler 499, fault relay 497")
    assert len(digest) == 10
    assert people.alerts.held == 0


def test_a_thousand_subjects_are_all_named_in_the_end() -> None:
    people = People()

    for number in range(MOST_SUBJECTS):
        people.tell(fault(number * 0.06, subject=f"thing {number:03}"))
    people.wait(60, 6 * HOUR)

    assert people.most_in(HOUR) <= PER_HOUR
    assert max(map(len, people.heard)) < MOST_CHARACTERS + 300
    everything = "\n".join(people.heard)
    assert [n for n in range(MOST_SUBJECTS) if f"thing {n:03} " not in everything] == []
    assert " subjects follow" in people.heard[4].splitlines()[0]


def test_beyond_what_can_be_kept_the_oldest_are_a_number() -> None:
    people = People()
    people.away = True
    for number in range(MOST_SUBJECTS + 50):
        people.tell(fault(number, subject=f"thing {number:04}"))
    people.away = False

    people.wait(5000, 20 * HOUR)

    assert "; 50 more of subjects too many to keep" in people.heard[0]
    assert people.alerts.held == 0


def test_tamper_does_not_wait_for_a_storm_of_motion() -> None:
    people = People()
    for number in range(100):
        people.tell(motion(number * 0.1, name=f"zone_{number}"))

    assert people.tell(motion(11, name="door", zone="tamper")) is not None
    assert people.heard[-1].startswith("Tamper at door")


def test_what_was_not_delivered_is_held_and_has_used_up_nothing() -> None:
    people = People()
    people.away = True
    for second in range(100):
        people.tell(motion(second))
    people.away = False
    text = people.look(100)

    assert text == "Motion at hall (demo), 2026-11-21 12:01:39 UTC: 2 pulses in 5 s (and 99 more)"


def test_what_piled_up_in_an_outage_is_one_digest() -> None:
    people = People()
    people.away = True
    for minute in range(100):
        people.tell(motion(minute * 60))
    people.tell(motion(5990, name="yard"))
    people.away = False

    people.wait(6010, 6020)

    assert people.heard == [
        "101 messages on 2 subjects since 2026-11-21 12:00:00 UTC: motion hall 100, motion yard 1\n"
        "• Motion at hall (demo), 2026-11-21 13:39:00 UTC: 2 pulses in 5 s (and 99 more)\n"
        "• Motion at yard (demo), 2026-11-21 13:39:50 UTC: 2 pulses in 5 s"
    ]


def test_a_restart_forgets_nothing_and_says_nothing_twice() -> None:
    people = People()
    people.tell(fault(0))
    people.tell(fault(10, state="end", text="works again"))

    people.restart(now=20, away_seconds=5)

    assert people.look(50) is None
    assert people.look(60) == ("Mended: recorder, influxdb (demo), 2026-11-21 12:00:10 UTC, after 10 s: works again")
    assert people.look(500) is None


def test_restarts_do_not_refill_the_allowance() -> None:
    people = People()

    for number in range(600):
        people.tell(fault(number, subject=f"thing {number}"))
        people.restart(now=number)

    assert people.most_in(HOUR) <= PER_HOUR
