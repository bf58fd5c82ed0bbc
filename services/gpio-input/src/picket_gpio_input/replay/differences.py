"""What changes when a trace is judged with other settings: which episodes appear, disappear or move, and why."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from picket.messages import Zone
from picket_gpio_input.filter.detector import Finding
from picket_gpio_input.filter.motion import Verdict

SAME_SECONDS = 0.0005


class Episode(NamedTuple):
    """One episode from its first pulse (`began`) over the verdict `new` (`at`) to its `end`."""

    zone: Zone
    began: float
    at: float
    end: float
    why: str
    end_why: str
    pulses: int
    peak: float

    def overlaps(self, other: "Episode") -> bool:
        """Tell whether both are of one zone and, for a while, of one time."""
        return self.zone == other.zone and self.began <= other.end and other.began <= self.end

    def shared_seconds(self, other: "Episode") -> float:
        """Return for how long both went on, negative for those that only share pulses."""
        return min(self.end, other.end) - max(self.at, other.at)


class Judged(NamedTuple):
    """What some settings made of a trace."""

    episodes: list[Episode]
    suppressed: list[Verdict]


class Change(NamedTuple):
    """An episode that differs; the side that has none says in its `why` what became of it there."""

    change: Literal["appears", "disappears", "moves"]
    before: Episode | None
    after: Episode | None
    why_before: str
    why_after: str

    @property
    def zone(self) -> Zone:
        """Return what the episode is about."""
        return next(episode.zone for episode in (self.before, self.after) if episode)

    @property
    def moved_seconds(self) -> float | None:
        """Return by how much `new` comes later."""
        return round(self.after.at - self.before.at, 4) if self.before and self.after else None

    @property
    def end_moved_seconds(self) -> float | None:
        """Return by how much `end` comes later."""
        return round(self.after.end - self.before.end, 4) if self.before and self.after else None


def judged(findings: Iterable[Finding]) -> Judged:
    """Gather the findings of a whole trace; each episode has ended."""
    episodes: list[Episode] = []
    suppressed: list[Verdict] = []
    new: dict[Zone, Verdict] = {}
    for zone, verdict in findings:
        if verdict.type == "suppressed":
            suppressed.append(verdict)
        elif verdict.type == "new":
            new[zone] = verdict
        elif verdict.type == "end":
            first = new.pop(zone)
            episodes.append(
                Episode(zone, first.began, first.at, verdict.at, first.why, verdict.why, verdict.pulses, verdict.peak)
            )
    return Judged(episodes, suppressed)


def differences(before: Judged, after: Judged) -> tuple[list[Change], int]:
    """Return the changes in order of time, and how many episodes are as before."""
    pairs = [(old, new) for old in before.episodes for new in after.episodes if old.overlaps(new)]
    counterpart: dict[Episode, Episode] = {}
    for old, new in sorted(pairs, key=lambda pair: -pair[0].shared_seconds(pair[1])):
        if old not in counterpart and new not in counterpart.values():
            counterpart[old] = new
    changes: list[Change] = []
    same = 0
    for old in before.episodes:
        if old not in counterpart:
            changes.append(Change("disappears", old, None, old.why, _fate(old, after)))
            continue
        new = counterpart[old]
        if max(abs(new.at - old.at), abs(new.end - old.end)) <= SAME_SECONDS:
            same += 1
        else:
            changes.append(Change("moves", old, new, old.why, new.why))
    left = [new for new in after.episodes if new not in counterpart.values()]
    changes += [Change("appears", None, new, _fate(new, before), new.why) for new in left]
    return sorted(changes, key=lambda c: min(e.at for e in (c.before, c.after) if e)), same


def _fate(episode: Episode, other: Judged) -> str:
    """Say what the other settings made of the time of an episode."""
    for held in other.episodes:
        if episode.overlaps(held):
            return f"within the {held.zone} from {held.at:.2f} to {held.end:.2f} s"
    at_that_time = [v for v in other.suppressed if v.began <= episode.end and episode.began <= v.at]
    if not at_that_time:
        return "nothing was decided at that time"
    closest = max(at_that_time, key=lambda verdict: (verdict.pulses, verdict.peak))
    return f"suppressed: {closest.why}"
