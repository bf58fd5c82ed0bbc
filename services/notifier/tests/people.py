"""Messages as services send them, and people who hear what Alerts has to say."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from picket.messages import Fault, InputEvent, Message, ThresholdEvent
from picket_notifier.alerts import Alert, Alerts
from picket_notifier.wording import Subject, word

NOON = 1_795_262_400_000_000_000  # 2026-11-21 12:00:00 UTC
COOLDOWN = 60.0
LONGEST = 1800.0
PER_HOUR = 12


def motion(seconds: float = 0, *, name: str = "hall", **changes: Any) -> InputEvent:
    fields = {"id": "e", "type": "new", "zone": "alarm", "began_at": datetime(2026, 11, 21, tzinfo=UTC)}
    fields |= {"why": "2 pulses in 5 s", "input": name, **changes}
    return InputEvent(time_ns=NOON + int(seconds * 1e9), device="demo", **fields)


def fault(seconds: float = 0, **changes: Any) -> Fault:
    fields = {"service": "recorder", "subject": "influxdb", "state": "begin", "text": "refused", **changes}
    return Fault(time_ns=NOON + int(seconds * 1e9), device="demo", **fields)


def threshold(seconds: float = 0, **changes: Any) -> ThresholdEvent:
    fields = {"id": "t", "type": "new", "threshold": "freezer_warm", "source": "freezer", "quantity": "celsius"}
    fields |= {"value": -9.0, "began_at": datetime(2026, 11, 21, tzinfo=UTC), "why": "above -12 for 600 s", **changes}
    return ThresholdEvent(time_ns=NOON + int(seconds * 1e9), device="demo", **fields)


class People:
    """They hear at once what Slack is sent, unless it is away."""

    def __init__(self, per_hour: int = PER_HOUR, waits: Any = None, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._waits = waits or (lambda *_: False)
        self._per_hour = per_hour
        self.alerts = self._new()
        self.heard: list[str] = []
        self.times: list[float] = []
        self.subjects: set[Subject] = set()
        self.away = False

    def tell(self, message: Message, at: float | None = None) -> str | None:
        """Take in a message at `at` seconds after noon, by default at its own time; return what is said then."""
        now = (message.time_ns - NOON) / 1e9 if at is None else at
        told = word(message, self._zone)
        if told:
            self.subjects.add(told.subject)
            self.alerts.hear(told, now)
        return self.look(now)

    def look(self, now: float) -> str | None:
        """Let one message be said, if any is due."""
        alert: Alert | None = self.alerts.due(now, NOON + int(now * 1e9))
        if alert is None:
            return None
        if not self.away:
            self.alerts.said(alert, now)
            self.heard.append(alert.text)
            self.times.append(now)
        return alert.text

    def wait(self, begin: float, until: float, step: float = 1.0) -> None:
        """Let time go by."""
        now = begin
        while now <= until:
            self.look(now)
            now += step

    def restart(self, now: float, away_seconds: float = 0.0) -> None:
        """Go on with what the file has, as a new process whose clock began anew would."""
        memory = self.alerts.memory(now)
        self.alerts = self._new()
        self.alerts.recall(memory, away_seconds, now + away_seconds)

    def most_in(self, window_seconds: float) -> int:
        """Return the most messages that any window of so many seconds has."""
        return max((sum(0 <= t - begin < window_seconds for t in self.times) for begin in self.times), default=0)

    def _new(self) -> Alerts:
        return Alerts(COOLDOWN, LONGEST, self._per_hour, self._waits, self._zone)
