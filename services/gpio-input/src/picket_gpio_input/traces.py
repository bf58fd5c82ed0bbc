"""Keep the samples around each candidate, suppressed ones too, for `picket replay` to work on.

    sampler's thread                                    writer's thread
    TraceRing of an input: the last seconds in memory,  TraceFiles: <folder>/<input>/<began>-<type>-<id or why>.csv
    and of a candidate all until it is over  ---------> with a .json of the verdicts beside it; the oldest go first

Sampling never waits: its thread appends to a deque, and hands a finished trace over or drops it. A candidate that comes
again and again must not wear out a card: each input may leave a few traces at once and then one every two minutes, and
the rest are counted.
"""

import json
import math
import queue
import re
import threading
import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from picket.config import Config
from picket.health import HealthBeat
from picket.messages import Zone, utc
from picket_gpio_input.filter.detector import Finding

LONGEST_SECONDS = 60.0
AT_ONCE = 6
SECONDS_A_TRACE = 120.0
WAITING_TRACES = 64
ROWS_A_STRETCH = 64
BREATH_SECONDS = 0.002
BLOCK_BYTES = 4096


class Trace(NamedTuple):
    """What an input said around a candidate, and the verdicts, each with its episode's id if it has one."""

    input: str
    began_ns: int  # UTC of the first sample
    samples: list[tuple[float, float]]
    verdicts: list[tuple[Finding, str | None]]

    @property
    def name(self) -> str:
        """Return a file's name, which sorts by time: of the motion in it, or else of the first that was suppressed."""
        news = [verdict for verdict in self.verdicts if verdict[0].verdict.type == "new"]
        finding, identity = (news or self.verdicts)[0]
        began = utc(self.began_ns + round(self._seconds(finding.verdict.began) * 1e9))
        what = identity or re.sub("[^a-z0-9]+", "-", re.split("[,(;]", finding.verdict.why.lower())[0]).strip("-")
        return f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03d}Z-{finding.verdict.type}-{what[:60]}"

    def rows(self, begin: int, end: int) -> str:
        """Return the CSV of some samples."""
        return "".join(f"{self._seconds(now):.5f},{volts:.5f}\n" for now, volts in self.samples[begin:end])

    def description(self) -> dict[str, Any]:
        """Return what the file beside it says; the verdicts' keys are those of `picket replay --json`."""
        return {
            "input": self.input,
            "began_at": utc(self.began_ns).isoformat(),
            "samples": len(self.samples),
            "verdicts": [
                {
                    "t_s": round(self._seconds(verdict.at), 4),
                    "type": verdict.type,
                    "id": identity,
                    "why": verdict.why,
                    "zone": zone,
                    "began_s": round(self._seconds(verdict.began), 4),
                    "pulses": verdict.pulses,
                    "peak_volts": round(verdict.peak, 3),
                }
                for (zone, verdict), identity in self.verdicts
            ],
        }

    def _seconds(self, now: float) -> float:
        return now - self.samples[0][0]


class TraceRing:
    """The last seconds of an input, from which a candidate's trace is cut; time is an argument."""

    def __init__(
        self,
        name: str,
        before_seconds: float,
        after_seconds: float,
        verdict_seconds: float,
        to_utc_ns: Callable[[float], int],
    ) -> None:
        """Hold so much as a trace begins with, and as the filter may take for its verdict after the first pulse."""
        self._name = name
        self._before = before_seconds
        self._after = after_seconds
        self._held_seconds = min(before_seconds + verdict_seconds, LONGEST_SECONDS - after_seconds)
        self._to_utc_ns = to_utc_ns
        self._samples: deque[tuple[float, float]] = deque()
        self._verdicts: list[tuple[Finding, str | None]] = []  # of the trace that is open; none: no trace is
        self._going: set[Zone] = set()
        self._begin = self._until = 0.0
        self._credit, self._credit_at = float(AT_ONCE), -math.inf
        self.skipped = 0

    def sample(self, volts: float, now: float) -> Trace | None:
        """Take in a sample, before its verdicts; return the trace that is over by now."""
        finished = self.close(now) if self._verdicts and now > self._until else None
        if math.isfinite(volts) and (not self._samples or now > self._samples[-1][0]):
            self._samples.append((now, volts))
        if not self._verdicts:
            while self._samples and self._samples[0][0] < now - self._held_seconds:
                self._samples.popleft()
        return finished

    def judge(self, finding: Finding, identity: str | None) -> None:
        """Take in a verdict: one that is new or suppressed opens a trace, and one that goes on keeps it open."""
        verdict = finding.verdict
        if not self._verdicts:
            # A verdict of a later time than the last sample is that samples no longer come: there is nothing to see.
            if verdict.type not in ("new", "suppressed") or not self._samples or verdict.at > self._samples[-1][0]:
                return
            self._begin = max(verdict.began - self._before, self._samples[0][0])
        self._verdicts.append((finding, identity))
        if verdict.type == "new":
            self._going.add(finding.zone)
        elif verdict.type == "end":
            self._going.discard(finding.zone)
        over = math.inf if self._going else verdict.at + self._after
        self._until = min(over, self._begin + LONGEST_SECONDS)

    def close(self, now: float) -> Trace | None:
        """Cut the open trace; None when there is none, or when the input has left too many of late."""
        if not self._verdicts:
            return None
        samples = [sample for sample in self._samples if self._begin <= sample[0] <= self._until]
        trace = Trace(self._name, self._to_utc_ns(samples[0][0]), samples, self._verdicts)
        self._verdicts, self._going = [], set()
        self._credit = min(AT_ONCE, self._credit + max(0.0, now - self._credit_at) / SECONDS_A_TRACE)
        self._credit_at = now
        if self._credit < 1:
            self.skipped += 1
            return None
        self._credit -= 1
        return trace


class TraceFiles:
    """The traces on disk: never more than so many bytes, never half a file under its name."""

    def __init__(self, folder: Path, max_bytes: int, breathe: Callable[[], None] = lambda: None) -> None:
        """Keep traces in a folder for each input; `breathe` is called every few rows."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._breathe = breathe
        self._known: list[tuple[str, Path, int]] | None = None  # the oldest first
        self.bytes = 0

    @property
    def count(self) -> int:
        """Count the traces that are kept."""
        return len(self._known or ())

    def write(self, trace: Trace) -> None:
        """Write a trace, and delete as many of the oldest as it takes; raises OSError."""
        if self._known is None:
            self._known = self._look_around()
        text = "t_s,volts\n"
        for begin in range(0, len(trace.samples), ROWS_A_STRETCH):
            text += trace.rows(begin, begin + ROWS_A_STRETCH)
            self._breathe()
        description = json.dumps(trace.description(), indent=1) + "\n"
        size = _on_disk(len(text)) + _on_disk(len(description.encode()))
        while self._known and self.bytes + size > self._max_bytes:
            self._forget(self._known[0])
        if size > self._max_bytes:
            return
        file = self._folder / trace.input / f"{trace.name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        _put(file, text)
        try:
            _put(file.with_suffix(".json"), description)
        except OSError:
            file.unlink(missing_ok=True)
            raise
        insort(self._known, (file.name, file, size))
        self.bytes += size

    def _look_around(self) -> list[tuple[str, Path, int]]:
        """Find what an earlier start has left, and delete what it could not finish."""
        for half in self._folder.glob("*/.*.part"):
            half.unlink(missing_ok=True)
        known = []
        for file in self._folder.glob("*/*.csv"):
            size = _on_disk(file.stat().st_size)
            with suppress(FileNotFoundError):
                size += _on_disk(file.with_suffix(".json").stat().st_size)
            known.append((file.name, file, size))
        self.bytes = sum(size for _, _, size in known)
        return sorted(known)

    def _forget(self, oldest: tuple[str, Path, int]) -> None:
        _, file, size = oldest
        file.unlink(missing_ok=True)
        file.with_suffix(".json").unlink(missing_ok=True)
        if self._known:
            self._known.remove(oldest)
        self.bytes -= size


class TraceRecorder:
    """All inputs' traces, and the thread that writes them."""

    def __init__(self, config: Config, health: HealthBeat, to_utc_ns: Callable[[float], int]) -> None:
        """Start the thread, unless the configuration grants no space."""
        settings = config.traces
        folder, max_bytes = Path(config.data_dir) / "traces", int(settings.max_megabytes * 1e6)
        # The interpreter runs one thread at a time: a writer that takes a breath every few rows holds up nobody.
        self._files = TraceFiles(folder, max_bytes, lambda: time.sleep(BREATH_SECONDS))
        self._health = health
        self._queue: queue.Queue[Trace | None] = queue.Queue(WAITING_TRACES)
        self._thread = threading.Thread(target=self._write, name="traces", daemon=True)
        self._rings: dict[str, TraceRing] = {}
        self._lost = 0
        if max_bytes and config.inputs:
            for name, source in config.inputs.items():
                verdict_seconds = source.window_seconds + source.minimum_active_seconds
                before, after = settings.before_seconds, settings.after_seconds
                self._rings[name] = TraceRing(name, before, after, verdict_seconds, to_utc_ns)
            self._thread.start()
            health.figure("traces", self._figures)

    def sample(self, name: str, volts: float, now: float) -> None:
        """Take in a sample as the detector is given it, before its findings."""
        ring = self._rings.get(name)
        if ring and (trace := ring.sample(volts, now)):
            self._hand_over(trace)

    def judge(self, name: str, finding: Finding, identity: str | None) -> None:
        """Take in a finding, and the id of the episode it belongs to."""
        if ring := self._rings.get(name):
            ring.judge(finding, identity)

    def close(self) -> None:
        """Cut what is open, and write what waits."""
        if not self._rings:
            return
        for ring in self._rings.values():
            if trace := ring.close(time.monotonic()):
                self._hand_over(trace)
        with suppress(queue.Full):
            self._queue.put(None, timeout=1.0)
        self._thread.join(2.0)

    def _figures(self) -> dict[str, Any]:
        skipped = sum(ring.skipped for ring in self._rings.values())
        megabytes = round(self._files.bytes / 1e6, 2)
        return {"kept": self._files.count, "megabytes": megabytes, "skipped": skipped, "lost": self._lost}

    def _hand_over(self, trace: Trace) -> None:
        try:
            self._queue.put_nowait(trace)
        except queue.Full:
            self._lost += 1

    def _write(self) -> None:
        while trace := self._queue.get():
            try:
                self._files.write(trace)
            except OSError as error:
                self._lost += 1
                self._health.begin("traces", f"can't be kept: {error.strerror or error}")
            else:
                self._health.end("traces")


def _on_disk(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _put(file: Path, text: str) -> None:
    """Write a file under another name first; raises OSError and leaves nothing then."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
