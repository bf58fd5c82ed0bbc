"""Give findings a life: an id from `new` to `end`, and times of the world."""

from collections.abc import Callable

from picket.messages import InputEvent, Zone, utc
from picket_gpio_input.filter.detector import Finding


class Episodes:
    """The episodes of one input that go on: at most one of motion and one of trouble."""

    def __init__(self, name: str, to_utc_ns: Callable[[float], int]) -> None:
        """Name the input; `to_utc_ns` turns a sample's time into UTC."""
        self._name = name
        self._to_utc_ns = to_utc_ns
        self._going: dict[Zone, tuple[str, int]] = {}

    def event(self, finding: Finding) -> InputEvent | None:
        """Return the event of a finding; None for what was suppressed."""
        zone, verdict = finding
        if verdict.type == "suppressed":
            return None
        now_ns = self._to_utc_ns(verdict.at)
        if verdict.type == "new":
            began_ns = self._to_utc_ns(verdict.began)
            self._going[zone] = (f"{self._name}-{began_ns // 1_000_000:x}", began_ns)
        identity, began_ns = self._going[zone]
        if verdict.type == "end":
            del self._going[zone]
        return InputEvent(
            time_ns=now_ns,
            id=identity,
            type=verdict.type,
            input=self._name,
            zone=zone,
            began_at=utc(began_ns),
            ended_at=utc(now_ns) if verdict.type == "end" else None,
            why=verdict.why,
            pulses=verdict.pulses,
            peak_volts=round(verdict.peak, 3),
        )
