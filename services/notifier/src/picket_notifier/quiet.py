"""Decide by the time of day what can wait until the morning."""

from collections.abc import Callable
from datetime import UTC, datetime, time, tzinfo

from picket.config.schema import QuietHours
from picket_notifier.wording import Subject

CAN_WAIT = {"fault", "threshold"}  # what an input says is what a guard is there for: it never waits


def waits(hours: QuietHours | None, zone: tzinfo) -> Callable[[Subject, int], bool]:
    """Return what tells whether a subject waits at a moment, in UTC nanoseconds.

    The hours are by the clock on the wall: a night that summer time begins or ends in is an hour shorter or longer.
    """
    if hours is None:
        return lambda _subject, _wall_ns: False
    begin, until = time.fromisoformat(hours.begin), time.fromisoformat(hours.until)
    can_wait = CAN_WAIT - set(hours.urgent)

    def wait(subject: Subject, wall_ns: int) -> bool:
        if subject[0] not in can_wait:
            return False
        clock = datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).astimezone(zone).time()
        return begin <= clock < until if begin < until else clock >= begin or clock < until

    return wait
