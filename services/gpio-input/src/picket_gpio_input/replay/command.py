"""`picket replay`: stored traces through the filter of a configuration, with no hardware."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from picket.config.schema import Input
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.filter.episodes import Episodes
from picket_gpio_input.replay import settings
from picket_gpio_input.replay.differences import differences, judged
from picket_gpio_input.replay.playback import replay
from picket_gpio_input.replay.plot import save
from picket_gpio_input.replay.trace_file import Sample, Trace, read_traces
from picket_gpio_input.replay.trail import Panel
from picket_gpio_input.replay.tunable import different

HELP = "run stored traces (columns t_s, volts) through an input's filter and print its events, or what would change"
MOST_PANELS = 12

Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "traces", nargs="+", metavar="TRACE", help="CSV files (.gz too) with t_s and volts, or folders; - is stdin"
    )
    settings.add_arguments(parser)
    parser.add_argument("--recording", metavar="NAME", help="only this one of the recordings in the traces")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OTHER.yaml",
        help="print what would change with the settings of this configuration (which --set then changes)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON line an event, or a change")
    parser.add_argument("--suppressed", action="store_true", help="what was suppressed, too")
    parser.add_argument(
        "--from-power-up", action="store_true", help="traces begin at the sensor's power-up: warm it up first"
    )
    parser.add_argument("--plot", type=Path, metavar="OUT.svg", help=f"draw the first traces ({MOST_PANELS} panels)")


def run(arguments: argparse.Namespace) -> int:
    """Print the events or the changes; raises PicketError for a bad configuration, input or row."""
    compare, warm = arguments.against is not None, not arguments.from_power_up
    _, present = settings.configured(arguments.config, arguments.input, [] if compare else arguments.set)
    tried = settings.configured(arguments.against, arguments.input, arguments.set)[1] if compare else None
    several = len(arguments.traces) > 1 or Path(arguments.traces[0]).is_dir()
    panels: list[Panel] = []
    totals: Counter[str] = Counter()
    for trace in read_traces(arguments.traces, arguments.recording):
        place = {"trace": trace.file, "recording": trace.recording} if several or trace.recording is not None else {}
        samples: Iterable[Sample] = trace.samples
        if compare or arguments.plot:
            samples = list(trace.samples)
            panels += panels_of(trace, samples, present, tried, warm=warm)
        if place and not arguments.json:
            print(f"{trace.file} {trace.recording or ''}".rstrip())
        if tried:
            rows = changes(samples, present, tried, totals, warm=warm)
        else:
            rows = events(samples, present, arguments.input, warm=warm, suppressed=arguments.suppressed)
        for row in rows:
            print(json.dumps(row | place) if arguments.json else as_text(row))
    if compare and not arguments.json:
        print(", ".join(f"{totals[what]} {what}" for what in ("appears", "disappears", "moves", "as before")))
    if arguments.plot:
        save(panels[:MOST_PANELS], arguments.plot)
    return 0


def events(samples: Iterable[Sample], present: Input, name: str, *, warm: bool, suppressed: bool) -> Iterator[Row]:
    """Yield the events of a trace, and what was suppressed if that is wanted."""
    episodes = Episodes(name, lambda t_s: int(t_s * 1e9))
    for t_s, finding in replay(Detector(present, warm=warm), samples):
        event = episodes.event(finding)
        if event is None and not suppressed:
            continue
        yield {
            "t_s": round(t_s, 4),
            "type": finding.verdict.type,
            "id": event.id if event else None,
            "why": finding.verdict.why,
            "zone": finding.zone,
            "began_s": round(finding.verdict.began, 4),
            "pulses": finding.verdict.pulses,
            "peak_volts": round(finding.verdict.peak, 3),
        }


def changes(
    samples: Iterable[Sample], present: Input, tried: Input, totals: Counter[str], *, warm: bool
) -> Iterator[Row]:
    """Yield what differs between two settings, and count it."""
    before, after = (
        judged(finding for _, finding in replay(Detector(one, warm=warm), samples)) for one in (present, tried)
    )
    found, same = differences(before, after)
    totals["as before"] += same
    for change in found:
        totals[change.change] += 1
        yield {
            "change": change.change,
            "zone": change.zone,
            "t_s_before": change.before and round(change.before.at, 4),
            "t_s_after": change.after and round(change.after.at, 4),
            "moved_seconds": change.moved_seconds,
            "end_s_before": change.before and round(change.before.end, 4),
            "end_s_after": change.after and round(change.after.end, 4),
            "end_moved_seconds": change.end_moved_seconds,
            "why_before": change.why_before,
            "why_after": change.why_after,
        }


def as_text(row: Row) -> str:
    """Return a row for people."""
    if "change" not in row:
        return f"{row['t_s']:10.3f} s  {row['type']:10} {row['id'] or '-'!s:16} {row['zone']:7} {row['why']}"
    moved = row["moved_seconds"] is not None
    by = f"new {row['moved_seconds']:+.2f} s, end {row['end_moved_seconds']:+.2f} s" if moved else ""
    at = row["t_s_after"] if row["t_s_before"] is None else row["t_s_before"]
    text = f"{at:10.3f} s  {row['change']:10} {row['zone']:7} {by}".rstrip()
    return f"{text}\n{'':14}before: {row['why_before']}\n{'':14}after:  {row['why_after']}"


def panels_of(trace: Trace, samples: list[Sample], present: Input, tried: Input | None, *, warm: bool) -> list[Panel]:
    """Return a trace's panels: one, or one before and one after the change."""
    name = trace.recording if trace.recording is not None else Path(trace.file).name
    if tried is None:
        return [Panel(name, samples, present, warm)]
    was, tries = (
        ", ".join(f"{key} {value}" for key, value in different(one, other)) or "the same"
        for one, other in ((present, tried), (tried, present))
    )
    return [
        Panel(f"{name}, before: {was}", samples, present, warm),
        Panel(f"{name}, after: {tries}", samples, tried, warm),
    ]
