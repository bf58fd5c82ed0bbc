"""One collector: what the sampler hands over is checked, counted and published here, on the loop's thread."""

import logging
import math
import queue
import sys
import threading
import time
from collections.abc import Collection, Mapping
from functools import partial

from picket.bus.producer import Producer
from picket.health import HealthBeat
from picket.messages import Reading
from picket.service import Runtime
from picket_collectors.neighbours import Neighbours
from picket_collectors.outcome import Failed, Outcome
from picket_collectors.receiver import Receiver
from picket_collectors.sampler import Sampler
from picket_collectors.source import Part, Site, SourceError, Stopped
from picket_collectors.sources import sources

Ranges = Mapping[str, tuple[float, float]]

WATCH_SECONDS = 5.0
# Longer than any sensor warms up, retries and all; a thread that is silent for so long will never speak again.
HANG_SECONDS = 300.0
STOP_SECONDS = 3.0
STARTING_SECONDS = 6.0
MOST_PARTS = 200  # a device that makes up names is not to fill the bus
ANY = (-math.inf, math.inf)
OURS = ("source", "parts", "crash", "configuration")  # what is said of the collector itself, here and as it dies

log = logging.getLogger("collector")


class Collector:
    """Publishes the readings of one source, and keeps its health."""

    def __init__(
        self, name: str, ranges: Ranges, producer: Producer, health: HealthBeat, others: Collection[str] = ()
    ) -> None:
        """Begin with no sample; the first outcome must come within HANG_SECONDS of the first `watch`.

        `others` are the names of the device's other collectors, which no part may take.
        """
        self._name = name
        self._ranges = ranges
        self._others = others
        self._parts: set[str] = set()
        self._producer = producer
        self._health = health
        self._expected_by: float | None = None
        self.last_success: float | None = None
        self.samples = self.failures = self.implausible = 0
        self.source_figures: Mapping[str, float] = {}

    def take(self, outcome: Outcome, now: float) -> None:
        """Publish what was measured, or note that nothing was."""
        self._expected_by = now + outcome.next_seconds + HANG_SECONDS
        if isinstance(outcome, Failed):
            self.failures += 1
            log.debug("%s", outcome.text)
            if self.failures == 1 and not self.samples and outcome.next_seconds <= STARTING_SECONDS:
                return  # at power-up a port, a server or a broker may come a moment later than this
            self._health.begin("source", outcome.text, outcome.traceback)
            return
        self.source_figures = outcome.figures
        self._health.end("source")
        for part in outcome.parts:
            if self._admits(part.name):
                self._take_part(part, outcome.time_ns, now)

    def watch(self, now: float) -> None:
        """Raise SourceError when the sampler hangs, so that the process ends and a clean one is started."""
        if self._expected_by is None:
            self._expected_by = now + HANG_SECONDS
        elif now > self._expected_by:
            raise SourceError(f"the source hangs: nothing was heard of it for more than {HANG_SECONDS:.0f} s")

    def _admits(self, part: str) -> bool:
        """Tell whether a part may be published, and say once why one may not."""
        if part in self._parts or not part:
            return True
        if f"{self._name}_{part}" in self._others:
            text = f"{self._name}_{part} is another collector's name: rename one of them"
            self._health.begin(_subject(part), text)
            return False
        if len(self._parts) == MOST_PARTS:
            self._health.begin("parts", f"more than {MOST_PARTS}: {part} and those to come are left out")
            return False
        self._parts.add(part)
        return True

    def _take_part(self, part: Part, time_ns: int, now: float) -> None:
        if part.fault:
            self._health.begin(_subject(part.name), part.fault)
        elif part.name:
            self._health.end(_subject(part.name))
            if not part.values:  # it may be gone for good, and its values with it
                for subject in [fault for fault in self._health.faults if fault.startswith(f"{part.name}.")]:
                    self._health.end(subject, "is no longer said")
        if (part.name or part.fault) and not part.values:
            return
        self.samples += 1
        self.last_success = now
        source = f"{self._name}_{part.name}" if part.name else self._name
        values = {name: self._plausible(part.name, name, value) for name, value in part.values.items()}
        self._producer.publish(
            f"reading.{source}",
            Reading(time_ns=part.time_ns or time_ns, source=source, kind=part.kind, values=values),
        )

    def _plausible(self, part: str, name: str, value: float | None) -> float | None:
        """Return a value as a float, None when it can't be true; the latter is said when it begins and ends."""
        if value is None:
            return None
        low, high = self._ranges.get(name, ANY)
        subject = f"{part}.{name}" if part else _subject(name)
        if low <= value <= high and math.isfinite(value):
            self._health.end(subject, f"{value:g} is plausible again")
            return float(value)
        self.implausible += 1
        if subject not in self._health.faults:  # the values that follow are no other fault
            self._health.begin(subject, f"{value:g} is not plausible: expected {low:g} to {high:g}")
        return None


def _subject(name: str) -> str:
    """Return what is at fault with a part or a value: none of OURS, for no name has a space in it."""
    return f"one named {name}" if name in OURS else name


def collect(name: str, runtime: Runtime) -> None:
    """Wire the collector `name` onto the runtime; exits 2 when the configuration has none of that name."""
    entries = runtime.config.collectors
    if name not in entries:
        print(f"there is no collector {name!r}; there are {', '.join(entries) or 'none'}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    entry, loop = entries[name], runtime.loop
    module = sources()[entry.__struct_config__.tag]
    ranges = module.ranges(entry) if hasattr(module, "ranges") else module.RANGES
    collector = Collector(name, ranges, runtime.producer, runtime.health, entries.keys() - {name})
    runtime.health.figure("samples", lambda: collector.samples)
    runtime.health.figure("failures", lambda: collector.failures)
    runtime.health.figure("implausible", lambda: collector.implausible)
    runtime.health.figure("last_success_age_seconds", lambda: _age(collector.last_success, loop.now()))
    runtime.health.figure("source", lambda: collector.source_figures)

    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    stopping = threading.Event()

    def pause(seconds: float) -> None:
        if stopping.wait(seconds):
            raise Stopped

    def hand_over(outcome: Outcome) -> None:
        outcomes.put(outcome)
        loop.wake()

    def take() -> None:
        while not outcomes.empty():
            collector.take(outcomes.get(), loop.now())

    names = module.neighbours(entry) if hasattr(module, "neighbours") else ()
    neighbours = Neighbours(time.monotonic)
    if names:
        runtime.hear([f"reading.{other}" for other in names], neighbours.hear)
    site = Site(name, runtime.config, time.monotonic, pause, neighbours.value)
    worker: Sampler | Receiver
    if hasattr(module, "open_stream"):
        worker = Receiver(partial(module.open_stream, entry, site), entry.interval_seconds, site, hand_over)
    else:
        opens = partial(module.open_source, entry, site)
        worker = Sampler(opens, module.KIND, entry.interval_seconds, site, hand_over)
    # A daemon, so that a sensor which blocks for ever can't keep the process from ending.
    thread = threading.Thread(target=worker.run, name=name, daemon=True)

    def stop() -> None:
        stopping.set()
        thread.join(STOP_SECONDS)

    loop.on_wake(take)
    loop.every(WATCH_SECONDS, lambda: collector.watch(loop.now()))
    runtime.closing.callback(stop)
    thread.start()


def _age(then: float | None, now: float) -> float | None:
    return None if then is None else round(now - then, 1)
