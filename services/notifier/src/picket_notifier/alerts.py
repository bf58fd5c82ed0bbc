"""Decide what people are told, and when; theory of operation.

Every word on a subject (motion at hall, the relay's fault io main) is first held, and said when three things allow it:

    its cool-down    runs from when the subject was last told of: `cooldown_seconds`, and twice as long each time up to
                     `longest_cooldown_seconds`; recovery does not reset it, only silence for the longest one does.
    the allowance    over all subjects: never more than `per_hour` messages in any hour, a third of them at once.
                     The last one in hand is kept for what is no motion: a tamper never waits for a storm of motion.
    quiet hours      for what can wait.

A later word replaces the held one, and the replaced ones are counted. So the last word on a subject is always said,
and each message says for how many it stands. Words that have waited together are said together, in one digest, and so
are more words than the allowance has messages left. What could not be delivered was not said: it is held still, and
has neither started a cool-down nor used the allowance.

Bounds: `per_hour` in any hour, whatever comes. One subject that never rests, with 60 s and 1800 s: 6 in its first half
hour, then 2 an hour: 30 in 12 hours. A digest names what its 3500 characters hold, and the next one goes on. Beyond
1000 subjects the one held longest is dropped, and the next digest says how many words that were.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import NamedTuple

from msgspec import Struct

from picket_notifier.allowance import Allowance
from picket_notifier.wording import Subject, Word, plain, span, time_of_day

LATE_SECONDS = 60.0
TOGETHER_SECONDS = 10.0
MOST_CHARACTERS = 3500
MOST_GROUPS = 6
MOST_SUBJECTS = 1000


class Held(Struct):
    """The last word of a subject that is still to be said, and how many there were before it."""

    time_ns: int
    text: str
    ends: bool
    since: float
    first_ns: int
    others: int = 0


class Track(Struct):
    """What is remembered of a subject: its cool-down, what is held, and its trouble from the first told beginning."""

    cool_until: float
    cooldown: float = 0.0
    held: Held | None = None
    began_ns: int | None = None
    times: int = 0


class Memory(Struct):
    """All that Alerts remembers, with times that count from when it was taken."""

    left: float
    unnamed: int
    tracks: list[tuple[Subject, Track]]


class Alert(NamedTuple):
    """A message, and the subjects that it tells of."""

    subjects: tuple[Subject, ...]
    text: str
    unnamed: int = 0


class Alerts:
    """Remembers what was said of each subject; `now` is monotonic seconds, `wall_ns` tells what is late."""

    def __init__(
        self,
        cooldown_seconds: float,
        longest_cooldown_seconds: float,
        per_hour: int,
        waits: Callable[[Subject, int], bool],
        zone: tzinfo,
    ) -> None:
        """Begin with every subject quiet; `waits(subject, wall_ns)` tells what is left for later."""
        self._cooldown = cooldown_seconds
        self._longest = max(cooldown_seconds, longest_cooldown_seconds)
        self._allowance = Allowance(per_hour)
        self._waits = waits
        self._zone = zone
        self._tracks: dict[Subject, Track] = {}
        self._unnamed = 0

    @property
    def held(self) -> int:
        """Count the words that are still to be said, each or as a number."""
        return self._unnamed + sum(1 + track.held.others for track in self._tracks.values() if track.held)

    def hear(self, word: Word, now: float) -> None:
        """Take in a word; it is due at once unless something holds it."""
        track = self._tracks.get(word.subject)
        if track is None:
            self._make_room(now)
            track = self._tracks[word.subject] = Track(now)
        if word.state == "begin":
            track.began_ns = word.time_ns if track.began_ns is None else track.began_ns
            track.times += 1
        before = track.held
        track.held = Held(
            word.time_ns,
            _text(word, track),
            word.state == "end",
            before.since if before else now,
            before.first_ns if before else word.time_ns,
            before.others + 1 if before else 0,
        )

    def due(self, now: float, wall_ns: int) -> Alert | None:
        """Return what is to be said now: motion last, and else the longest held first."""
        left = self._allowance.left(now)
        if left < 1:
            return None
        ready = [
            (subject, track.held)
            for subject, track in self._tracks.items()
            if track.held and now >= track.cool_until and not self._waits(subject, wall_ns)
        ]
        if left < 2:
            ready = [one for one in ready if one[0][0] != "motion"]
        if not ready:
            return None
        ready.sort(key=lambda one: (one[0][0] == "motion", one[1].since))
        waited = sum(now - held.since >= TOGETHER_SECONDS for _, held in ready)
        if self._unnamed or (len(ready) > 1 and (waited > 1 or len(ready) > left)):
            return self._digest(ready)
        subject, held = ready[0]
        late = (wall_ns - held.time_ns) / 1e9
        return Alert((subject,), (f"[sent {span(late)} late] " if late > LATE_SECONDS else "") + plain(_line(held)))

    def said(self, alert: Alert, now: float) -> None:
        """Note that an alert was taken: its subjects cool down, and nothing that it told is held any more."""
        self._allowance.take(now)
        self._unnamed -= alert.unnamed
        for subject in alert.subjects:
            track = self._tracks[subject]
            rested = not track.cooldown or now >= track.cool_until + self._longest
            track.cooldown = self._cooldown if rested else min(2 * track.cooldown, self._longest)
            track.cool_until = now + track.cooldown
            if track.held and track.held.ends:
                track.began_ns, track.times = None, 0
            track.held = None

    def memory(self, now: float) -> Memory:
        """Return what is remembered, for a file."""
        self._forget(now)
        tracks = [(subject, _shifted(track, -now)) for subject, track in self._tracks.items()]
        return Memory(self._allowance.left(now), self._unnamed, tracks)

    def recall(self, memory: Memory, age_seconds: float, now: float) -> None:
        """Go on with what was remembered so long ago."""
        self._allowance.begin(memory.left, now - age_seconds)
        self._unnamed = memory.unnamed
        self._tracks = {subject: _shifted(track, now - age_seconds) for subject, track in memory.tracks}

    def _digest(self, ready: list[tuple[Subject, Held]]) -> Alert:
        lines: list[str] = []
        room = MOST_CHARACTERS
        for _, held in ready:
            lines.append("• " + plain(_line(held)))
            room -= len(lines[-1])
            if room < 0 and len(lines) > 1:
                lines.pop()
                break
        told, rest = ready[: len(lines)], ready[len(lines) :]
        first = time_of_day(min(held.first_ns for _, held in told), self._zone)
        head = f"{_count(told)} since {first}: {_groups(told)}"
        if rest:
            head += f"; {_count(rest)} follow"
        if self._unnamed:
            head += f"; {self._unnamed} more of subjects too many to keep"
        return Alert(tuple(subject for subject, _ in told), "\n".join([plain(head), *lines]), self._unnamed)

    def _make_room(self, now: float) -> None:
        if len(self._tracks) < MOST_SUBJECTS:
            return
        self._forget(now)
        if len(self._tracks) < MOST_SUBJECTS:
            return
        silent = [subject for subject, track in self._tracks.items() if not track.held]
        oldest = silent[0] if silent else next(iter(self._tracks))
        held = self._tracks.pop(oldest).held
        self._unnamed += 1 + held.others if held else 0

    def _forget(self, now: float) -> None:
        """Drop what makes no difference any more."""
        self._tracks = {
            subject: track
            for subject, track in self._tracks.items()
            if track.held or track.began_ns is not None or now < track.cool_until + self._longest
        }


def _text(word: Word, track: Track) -> str:
    history = ""
    if word.state == "end" and track.began_ns is not None:
        history = f", after {span((word.time_ns - track.began_ns) / 1e9)}"
        history += f", {track.times} times" if track.times > 1 else ""
    return f"{word.head}{history}: {word.why}"


def _line(held: Held) -> str:
    return held.text + (f" (and {held.others} more)" if held.others else "")


def _count(held: Iterable[tuple[Subject, Held]]) -> str:
    numbers = [1 + one.others for _, one in held]
    return f"{sum(numbers)} messages on {len(numbers)} subject{'s' if len(numbers) > 1 else ''}"


def _groups(held: Iterable[tuple[Subject, Held]]) -> str:
    counts: Counter[str] = Counter()
    for subject, one in held:
        counts[" ".join(subject[:2])] += 1 + one.others
    named = [f"{group} {count}" for group, count in counts.most_common(MOST_GROUPS)]
    others = counts.total() - sum(count for _, count in counts.most_common(MOST_GROUPS))
    return ", ".join(named) + (f", others {others}" if others else "")


def _shifted(track: Track, seconds: float) -> Track:
    held = track.held
    return Track(
        track.cool_until + seconds,
        track.cooldown,
        held and Held(held.time_ns, held.text, held.ends, held.since + seconds, held.first_ns, held.others),
        track.began_ns,
        track.times,
    )
