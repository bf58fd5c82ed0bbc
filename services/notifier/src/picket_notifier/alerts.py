"""Decide what people are told, and when: a new motion, a fault that begins or ends, and no subject too often.

    quiet   --message-->                said at once; the subject cools down from when it was taken
    cooling --message-->                held: the last one is kept and the others counted
    cooling --time is up, one held-->   the held one is said, "and 3 more", and the subject cools down anew

So the last word on a subject is always said, one cool-down late at most. The cap is on what is said, whatever it
says: a fault that comes and goes is one subject. A message that could not be delivered has started no cool-down.
"""

from typing import NamedTuple

from picket.messages import Fault, InputEvent, Message, utc

TOPICS = ("event.input.", "fault.")
LATE_SECONDS = 60.0
ZONES_BY_NAME = ("tamper", "short", "open", "fault")
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

Subject = tuple[str, ...]


class Alert(NamedTuple):
    """What to say of a subject."""

    subject: Subject
    text: str


class Held(NamedTuple):
    """The last message of a subject that cools down, and how many there were before it."""

    message: Message
    others: int


class Alerts:
    """Remembers what was said of each subject; `now` is monotonic, `wall_ns` is for telling what is late."""

    def __init__(self, cooldown_seconds: float) -> None:
        """Begin with every subject quiet."""
        self._cooldown = cooldown_seconds
        self._cool_at: dict[Subject, float] = {}
        self._held: dict[Subject, Held] = {}

    @property
    def held(self) -> int:
        """Count the messages that wait for the end of a cool-down."""
        return sum(1 + held.others for held in self._held.values())

    def decide(self, message: Message, now: float, wall_ns: int) -> Alert | None:
        """Return what to say of a message now; None for what is not for people, and for what is held."""
        subject = subject_of(message)
        if subject is None:
            return None
        held = self._held.get(subject)
        latest = Held(message, held.others + 1 if held else 0)
        if now < self._cool_at.get(subject, now):
            self._held[subject] = latest
            return None
        return Alert(subject, _text(latest, wall_ns))

    def due(self, now: float, wall_ns: int) -> Alert | None:
        """Return what was held and may be said now, the one held longest first."""
        for subject, held in self._held.items():
            if now >= self._cool_at.get(subject, now):
                return Alert(subject, _text(held, wall_ns))
        return None

    def said(self, subject: Subject, now: float) -> None:
        """Note that an alert was taken: its subject cools down, and nothing of it is held any more."""
        self._held.pop(subject, None)
        self._cool_at[subject] = now + self._cooldown


def subject_of(message: Message) -> Subject | None:
    """Name what a message is about; None for what is not for people, Slack's own failing among it."""
    match message:
        case InputEvent(type="new"):
            return ("input", message.device, message.input, _kind(message))
        case Fault() if (message.service, message.subject) != ("notifier", "slack"):
            return ("fault", message.device, message.service, message.subject)
    return None


def _text(held: Held, wall_ns: int) -> str:
    message = held.message
    time_of_day = f"{utc(message.time_ns):%Y-%m-%d %H:%M:%S} UTC"
    match message:
        case InputEvent():
            text = f"{_kind(message).capitalize()} at {message.input} ({message.device}), {time_of_day}: {message.why}"
        case Fault():
            what = "Fault" if message.state == "begin" else "Mended"
            text = f"{what}: {message.service}, {message.subject} ({message.device}), {time_of_day}: {message.text}"
        case _:
            raise TypeError(f"nobody is told of a {type(message).__name__}")
    if held.others:
        text += f" (and {held.others} more)"
    late = (wall_ns - message.time_ns) / 1e9
    if late > LATE_SECONDS:
        text = f"[sent {_span(late)} late] {text}"
    return text.translate(MARKUP)


def _kind(event: InputEvent) -> str:
    return event.zone if event.zone in ZONES_BY_NAME else "motion"


def _span(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
