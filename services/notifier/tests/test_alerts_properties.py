"""Whatever comes: never too much, and the last word is said."""

from hypothesis import given, settings
from hypothesis import strategies as st

from picket.messages import Message
from services.notifier.tests.people import LONGEST, People, fault, motion, threshold

PER_HOUR = 12
HOUR = 3600.0

NAMES = st.sampled_from("abcdefgh")
KINDS = st.sampled_from(["motion", "tamper", "tamper over", "fault", "mended", "threshold"])
PAUSES = st.one_of(st.just(0.0), st.floats(0, 30), st.floats(0, 7200))
EVENTS = st.lists(
    st.tuples(PAUSES, KINDS, NAMES, st.sampled_from(["", "", "", "away", "back", "restart"])), max_size=80
)


def message(kind: str, name: str, at: float, number: int) -> Message:
    why = f"number {number};"
    match kind:
        case "motion":
            return motion(at, name=name, why=why)
        case "tamper" | "tamper over":
            return motion(at, name=name, zone="tamper", why=why, type="new" if kind == "tamper" else "end")
        case "threshold":
            return threshold(at, threshold=name, why=why)
    return fault(at, subject=name, text=why, state="begin" if kind == "fault" else "end")


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_no_hour_has_too_many_messages_and_every_last_word_is_said(
    events: list[tuple[float, str, str, str]],
) -> None:
    people = People(per_hour=PER_HOUR)
    last_words: dict[tuple[str, str], str] = {}
    now, began = 0.0, 0.0

    for number, (pause, kind, name, what) in enumerate(events):
        began, now = now, now + pause
        people.wait(began, now, step=max(1.0, pause / 50))
        if what == "restart":
            people.restart(now)
        elif what:
            people.away = what == "away"
        people.tell(message(kind, name, now, number), at=now)
        last_words[kind.split()[0].replace("mended", "fault"), name] = f"number {number};"
    people.away = False
    people.wait(now, now + 2 * LONGEST + HOUR, step=20)

    assert people.most_in(HOUR) <= PER_HOUR
    everything = "\n".join(people.heard)
    assert [word for word in last_words.values() if word not in everything] == []
    assert people.alerts.held == 0
