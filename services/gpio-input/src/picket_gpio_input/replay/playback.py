"""Run a stored trace through a detector."""

from collections.abc import Iterable, Iterator

from picket_gpio_input.filter.detector import Detector, Finding
from picket_gpio_input.replay.trace_file import Sample

GAP_SECONDS = 5.0  # what goes on ends where a trace has no samples for so long


def replay(detector: Detector, samples: Iterable[Sample]) -> Iterator[tuple[float, Finding]]:
    """Yield the findings of a trace, with their times; what goes on ends with the trace, or at a long gap in it."""
    last: float | None = None
    for t_s, volts, _ in samples:
        if last is not None and t_s - last > GAP_SECONDS:
            for finding in detector.close(f"no samples for {t_s - last:.1f} s", last):
                yield last, finding
        for finding in detector.update(volts, t_s):
            yield t_s, finding
        last = t_s
    for finding in detector.close("the trace ended", last or 0.0):
        yield last or 0.0, finding
