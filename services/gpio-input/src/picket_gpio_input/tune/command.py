"""`picket tune`: from recordings with walks in them, propose an input's settings and say how far to believe them."""

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from picket.config import Config
from picket.config.cross_check import cross_check
from picket.config.schema import Input
from picket.errors import PicketError
from picket_gpio_input.replay import settings
from picket_gpio_input.replay.plot import save
from picket_gpio_input.replay.scoring import Recording, Span, Trials, walks_of
from picket_gpio_input.replay.trace_file import read_traces
from picket_gpio_input.replay.trail import Panel
from picket_gpio_input.tune.proposal import Proposal, as_json, as_text
from picket_gpio_input.tune.search import Sound, cross_validate, margins, operating_points, order, search

HELP = (
    "from labelled or walked-through recordings, propose an input's settings, with margins and an operating-point table"
)
WALK = re.compile(r"(?:(?P<name>.+):)?(?P<begin>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)")


class Walk(NamedTuple):
    """A time at which somebody walked, as it was given; of the one recording without labels when none is named."""

    name: str | None
    span: Span


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "traces",
        nargs="+",
        metavar="TRACE",
        help="CSV files or folders: t_s, volts, human (1 while in view) or present (0: nobody)",
    )
    settings.add_arguments(parser)
    parser.add_argument(
        "--walk",
        action="append",
        default=[],
        metavar="[NAME:]FROM-TO",
        help="seconds at which somebody walked, where there are no labels; at all others nobody did",
    )
    parser.add_argument(
        "--latency", type=float, default=1.0, metavar="SECONDS", help="the median that is soon enough (default: 1)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--plot", type=Path, metavar="OUT.svg", help="draw the recording that does worst as proposed")
    parser.add_argument("--recording", metavar="NAME", help="draw this one instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the proposal; raises PicketError."""
    config, present = settings.configured(arguments.config, arguments.input, arguments.set)
    recordings, passed_over = labelled(arguments.traces, [parse_walk(text) for text in arguments.walk])
    with Trials(recordings) as trials:
        found = propose(trials, arguments.input, present, soundness(config, arguments.input), arguments.latency)
        if arguments.plot:
            one = chosen(trials, found.proposed, arguments.recording)
            save([Panel(f"{one.name}, as proposed", shown(one), found.proposed)], arguments.plot)
    print(json.dumps(as_json(found)) if arguments.json else as_text(found, recordings, passed_over))
    return 0


def propose(trials: Trials, name: str, present: Input, sound: Sound, latency_seconds: float) -> Proposal:
    """Search, on all recordings and on the folds of them."""
    proposed = search(trials, present, sound, latency_seconds)
    folds = cross_validate(trials, present, sound, latency_seconds)
    around = margins(trials, proposed, sound)
    before, after = trials.score(present), trials.score(proposed)
    better = folds and order(folds.left_out, latency_seconds) < order(before, latency_seconds)
    points = operating_points(trials)
    return Proposal(name, present, proposed, (before, after), points, around, folds, better, len(trials))


def soundness(config: Config, name: str) -> Sound:
    """Return a check of an input's settings by the configuration's own rules."""
    data: dict[str, Any] = {"inputs": dict(config.inputs), "outputs": dict(config.outputs)}

    def sound(candidate: Input) -> bool:
        whole = msgspec.structs.replace(config, inputs={**config.inputs, name: candidate})
        return not any(path[:2] == ("inputs", name) for path, _ in cross_check(whole, data))

    return sound


def parse_walk(text: str) -> Walk:
    """Read [NAME:]FROM-TO; raises PicketError."""
    match = WALK.fullmatch(text)
    if not match or float(match["begin"]) >= float(match["end"]):
        raise PicketError(f"--walk {text}: expected [NAME:]FROM-TO in seconds, as in 12.5-18")
    return Walk(match["name"], (float(match["begin"]), float(match["end"])))


def labelled(names: Iterable[str], walks: list[Walk]) -> tuple[list[Recording], int]:
    """Return the recordings, and how many were passed over: somebody was about, at times that nobody noted."""
    recordings: list[Recording] = []
    unlabelled: list[Recording] = []
    passed_over = 0
    for trace in read_traces(names):
        samples = list(trace.samples)
        name = Path(trace.file).name.removesuffix(".gz").removesuffix(".csv")
        name = f"{name}:{trace.recording}" if trace.labels != "human" and trace.recording else trace.recording or name
        recording = Recording(name, samples, [])
        if trace.labels == "present" and any(sample.label for sample in samples):
            passed_over += 1
        elif trace.labels is None:
            unlabelled.append(recording)
        elif samples:
            recordings.append(recording._replace(walks=walks_of(samples) if trace.labels == "human" else []))
    recordings += with_walks(unlabelled, walks)
    if not any(recording.walks for recording in recordings):
        raise PicketError("there is no walk in these recordings, so nothing says how sensitive the input must be")
    return recordings, passed_over


def with_walks(unlabelled: list[Recording], walks: list[Walk]) -> list[Recording]:
    """Give the recordings that have no labels the walks that were named; raises PicketError where that fails."""
    if unlabelled and not walks:
        raise PicketError(f"{unlabelled[0].name}: has no column human or present; say when somebody walked with --walk")
    spans: dict[str, list[Span]] = {recording.name: [] for recording in unlabelled}
    for name, (begin, end) in walks:
        name = next(iter(spans)) if name is None and len(spans) == 1 else name
        if name not in spans:
            known = ", ".join(spans) or "none"
            raise PicketError(f"--walk {begin:g}-{end:g}: of which recording? Those without labels are {known}")
        spans[name].append((begin, end))
    for name, samples, _ in unlabelled:
        first, last = (samples[0].t_s, samples[-1].t_s) if samples else (0.0, 0.0)
        for begin, end in spans[name]:
            if begin < first or end > last:
                raise PicketError(f"--walk {begin:g}-{end:g}: {name} goes from {first:g} to {last:g} s")
    return [Recording(name, samples, sorted(spans[name])) for name, samples, _ in unlabelled]


def chosen(trials: Trials, proposed: Input, name: str | None) -> Recording:
    """Return the recording of that name, or the one that does worst; raises PicketError."""
    if name is not None:
        for recording in trials.recordings:
            if recording.name == name:
                return recording
        raise PicketError(f"there is no recording {name!r}")
    outcomes = trials.outcomes(proposed)

    def badness(number: int) -> tuple[int, int, float]:
        latencies, false_trips = outcomes[number]
        late = max((latency for latency in latencies if latency is not None), default=0.0)
        return latencies.count(None), len(false_trips), late

    return trials.recordings[max(range(len(outcomes)), key=badness)]


def shown(recording: Recording) -> list[Any]:
    """Return a recording's samples, labelled with its walks."""
    return [
        sample._replace(label=any(begin <= sample.t_s <= end for begin, end in recording.walks))
        for sample in recording.samples
    ]
