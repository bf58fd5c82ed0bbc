"""One input from volts to verdicts: its signal's zone and activity, the motion filter, and trouble with its wiring."""

import math
from typing import NamedTuple

from picket.config.schema import Input
from picket.messages import OnOff, Zone
from picket_gpio_input.filter.motion import MotionFilter, Verdict
from picket_gpio_input.filter.signals import signal_for

TROUBLE: tuple[Zone, ...] = ("tamper", "short", "open", "fault")


class Finding(NamedTuple):
    """A verdict, and the zone it is about: "alarm" for motion, or the trouble's."""

    zone: Zone
    verdict: Verdict


class Detector:
    """One input; `update` is pure but for its own state."""

    def __init__(self, settings: Input, *, warm: bool = False) -> None:
        """Begin with nothing known."""
        self._signal = signal_for(settings)
        self._motion = MotionFilter(settings, warm=warm)
        self._zone: Zone = "normal"
        self._trouble: Zone | None = None
        self._trouble_since = 0.0
        self.volts = math.nan
        self.suppressed = 0

    @property
    def zone(self) -> Zone:
        """Return the zone that counts now."""
        if self._trouble:
            return self._trouble
        if self._motion.warming:
            return "warming"
        return "alarm" if self._motion.moving else self._zone

    @property
    def motion(self) -> OnOff:
        """Return filtered motion."""
        return "ON" if self._motion.moving else "OFF"

    def update(self, volts: float, now: float) -> list[Finding]:
        """Take in a sample; one that is no number is passed over."""
        if not math.isfinite(volts):
            return []
        self.volts = volts
        meaning = self._signal.update(volts, now)
        self._zone = meaning.zone
        moved = self._moved(self._motion.update(meaning, now))
        zone = meaning.zone if meaning.zone in TROUBLE else None
        chatters = self._motion.chattering(now) if zone is None else ""
        if zone != self._trouble or chatters:
            volts_text = f"{meaning.text}, {volts:.2f} V" if meaning.text else f"{volts:.2f} V"
            moved = self._judge_trouble("fault" if chatters else zone, chatters or volts_text, now) + moved
        return moved

    def lose(self, why: str, now: float) -> list[Finding]:
        """Take in that no samples come any more."""
        self.volts = math.nan
        return self._judge_trouble("fault", why, now) + self._moved(self._motion.interrupt(why))

    def close(self, why: str, now: float) -> list[Finding]:
        """End all that goes on."""
        return self._judge_trouble(None, why, now) + self._moved(self._motion.interrupt(why))

    def _moved(self, verdicts: list[Verdict]) -> list[Finding]:
        self.suppressed += sum(verdict.type == "suppressed" for verdict in verdicts)
        return [Finding("alarm", verdict) for verdict in verdicts]

    def _judge_trouble(self, zone: Zone | None, why: str, now: float) -> list[Finding]:
        if zone == self._trouble:
            return []
        findings = []
        if self._trouble:
            text = f"{self._trouble} is over: {why}"
            findings.append(Finding(self._trouble, Verdict("end", now, self._trouble_since, text, 0, 0.0)))
        if zone:
            self._trouble_since = now
            findings.append(Finding(zone, Verdict("new", now, now, f"{zone}: {why}", 0, 0.0)))
        self._trouble = zone
        return findings
