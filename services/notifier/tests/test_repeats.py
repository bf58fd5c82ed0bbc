"""Which of many faults alike Sentry gets."""

from picket_notifier.repeats import MOST_KEYS, Repeats

CRASH = ("relay", "crash", "ValueError")


def run(repeats: Repeats, times: range) -> list[tuple[float, int]]:
    """Have each of these sent at once, if it is to be; return when, and how many stand behind it."""
    sent = []
    for at in times:
        left_out = repeats.left_out(CRASH, at)
        if left_out is not None:
            repeats.sent(CRASH, at)
            sent.append((float(at), left_out))
    return sent


def test_a_crash_every_two_seconds_all_night_is_a_few_events_that_count_the_rest() -> None:
    sent = run(Repeats(), range(0, 12 * 3600, 2))

    assert [at for at, _ in sent[:7]] == [0, 60, 180, 420, 900, 1860, 3780]
    assert len(sent) <= 7 + 12
    assert sent[1] == (60, 29)


def test_after_an_hour_of_silence_the_next_are_sent_soon() -> None:
    repeats = Repeats()
    run(repeats, range(0, 3600, 2))

    assert run(repeats, range(20_000, 20_061, 60)) == [(20_000, 0 + sent_before(3600)), (20_060, 0)]


def sent_before(until: int) -> int:
    """Count those of one every two seconds that came after the last that was sent, at 1860 s."""
    return (until - 1860) // 2 - 1


def test_the_same_one_asked_for_again_counts_once() -> None:
    repeats = Repeats()
    repeats.sent(CRASH, 0)

    asked = [repeats.left_out(CRASH, 10), repeats.left_out(CRASH, 10), repeats.left_out(CRASH, 70)]

    assert asked == [None, None, 1]


def test_another_subject_and_a_clock_set_back_are_not_held_up() -> None:
    repeats = Repeats()
    repeats.sent(CRASH, 1000)

    assert repeats.left_out(("relay", "crash", "KeyError"), 1001) == 0
    assert repeats.left_out(CRASH, 500) == 0


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats()

    for number in range(MOST_KEYS + 1):
        repeats.sent(("relay", str(number)), 0)

    assert repeats.left_out(("relay", "0"), 1) == 0
    assert repeats.left_out(("relay", "1"), 1) is None
