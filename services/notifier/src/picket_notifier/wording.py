"""Say in words what a message of the journal is to people: each is a word on one subject."""

from datetime import datetime, tzinfo
from typing import Literal, NamedTuple

from picket.messages import Fault, InputEvent, Message, ThresholdEvent

ALARM_TOPICS = ("event.input.",)
SLACKS_OWN = {("notifier", "slack"), ("notifier", "second slack")}
NOTICE_TOPICS = ("fault.", "event.threshold.")
ZONES_BY_NAME = ("tamper", "short", "open", "fault")
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
MOST_WHY = 300  # characters

State = Literal["once", "begin", "end"]
Subject = tuple[str, ...]  # the first is its kind, the second what it is counted by in a digest


class Word(NamedTuple):
    """What is said of a subject; between `head` and `why` goes what only its history tells."""

    subject: Subject
    state: State
    time_ns: int
    head: str
    why: str


def word(message: Message, zone: tzinfo) -> Word | None:
    """Return what a message says; None for what is not for people, Slack's own failing among it."""
    match message:
        case InputEvent(type="new"):
            kind = message.zone if message.zone in ZONES_BY_NAME else "motion"
            state: State = "once" if kind == "motion" else "begin"
            return _word((kind, message.input), state, message, f"{kind.capitalize()} at {message.input}", zone)
        case InputEvent(type="end") if message.zone in ZONES_BY_NAME:
            head = f"{message.zone.capitalize()} at {message.input} is over"
            return _word((message.zone, message.input), "end", message, head, zone)
        case Fault() if (message.service, message.subject) not in SLACKS_OWN:
            head = f"{'Fault' if message.state == 'begin' else 'Mended'}: {message.service}, {message.subject}"
            return _word(("fault", message.service, message.subject), message.state, message, head, zone)
        case ThresholdEvent():
            state = "begin" if message.type == "new" else "end"
            head = f"{'Past' if state == 'begin' else 'Back within'} the threshold {message.threshold}"
            return _word(("threshold", message.threshold), state, message, head, zone)
    return None


def _word(
    subject: Subject, state: State, message: InputEvent | Fault | ThresholdEvent, head: str, zone: tzinfo
) -> Word:
    why = message.text if isinstance(message, Fault) else message.why
    head = f"{head} ({message.device}), {time_of_day(message.time_ns, zone)}"
    return Word(subject, state, message.time_ns, head, why if len(why) <= MOST_WHY else why[: MOST_WHY - 1] + "…")


def time_of_day(time_ns: int, zone: tzinfo) -> str:
    """Write a moment as people of that time zone do."""
    return f"{datetime.fromtimestamp(time_ns / 1e9, zone):%Y-%m-%d %H:%M:%S %Z}"


def span(seconds: float) -> str:
    """Write how long something took, in the unit that it is told in."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def plain(text: str) -> str:
    """Return the text so that Slack takes nothing in it for markup."""
    return text.translate(MARKUP)
