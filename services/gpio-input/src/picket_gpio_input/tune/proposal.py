"""What `picket tune` proposes, as plain data and as text for people."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from picket.config.schema import Input
from picket_gpio_input.replay.scoring import Recording, Score
from picket_gpio_input.replay.tunable import different
from picket_gpio_input.tune.search import Folds, Margin


class Proposal(NamedTuple):
    """What a search found, and how far it may be believed; `scores` are of the present and the proposed settings."""

    name: str
    present: Input
    proposed: Input
    scores: tuple[Score, Score]
    points: list[tuple[Input, Score]]
    margins: dict[str, Margin]
    folds: Folds | None
    better: bool | None  # on recordings that were left out, than the present settings; None: too few to tell
    tried: int


def as_json(found: Proposal) -> dict[str, Any]:
    """Return the proposal as plain data."""
    before, after = found.scores
    return {
        "input": found.name,
        "present": {"settings": msgspec.to_builtins(found.present), **score_of(before)},
        "proposed": {
            "settings": msgspec.to_builtins(found.proposed),
            "changes": dict(different(found.proposed, found.present)),
            **score_of(after),
        },
        "margins": {name: margin._asdict() for name, margin in found.margins.items()},
        "operating_points": [
            {"changes": dict(different(one, found.present)), **score_of(score)} for one, score in found.points
        ],
        "cross_validation": found.folds
        and {
            **score_of(found.folds.left_out),
            "folds": [dict(different(one, found.present)) for one in found.folds.chosen],
        },
        "better_on_left_out_recordings": found.better,
        "tried": found.tried,
    }


def score_of(score: Score) -> dict[str, Any]:
    """Return a score as plain data, in round numbers."""

    def short(value: float | None, digits: int) -> float | None:
        return None if value is None else round(value, digits)

    return {
        "walks": score.walks,
        "found": score.found,
        "median_latency_seconds": short(score.latency_seconds, 3),
        "false_trips": score.false_trips,
        "nobody_hours": round(score.nobody_hours, 4),
        "false_trips_per_hour": short(score.false_trips_per_hour, 2),
        "false_trips_per_hour_below": short(score.false_trips_per_hour_below, 2),
    }


def as_text(found: Proposal, recordings: list[Recording], passed_over: int) -> str:
    """Return the proposal for people."""
    before, after = found.scores
    text = f"recordings: {len(recordings)}, with {before.walks} walks and {before.nobody_hours * 60:.1f} min of nobody"
    if passed_over:
        text += f"; {passed_over} more left out: somebody is about at times that are not noted"
    lines = [
        text,
        "",
        "operating points (of all settings tried, none is better in walks, latency and false trips at once)",
    ]
    lines.append(f"  {'walks':>9}  {'median':>7}  {'false':>5}  {'an hour':>9}  settings")
    lines.append(_row("present", before))
    lines += [_row(_words(different(one, found.present)), score) for one, score in found.points]
    lines += ["", f"proposed ({found.tried} settings tried): {sentence(after)}", *yaml(found)]
    lines += ["", *belief(found)]
    return "\n".join(lines)


def _row(what: str, score: Score) -> str:
    latency = "-" if score.latency_seconds is None else f"{score.latency_seconds:.2f} s"
    return f"  {score.found:>3} of {score.walks:<2}  {latency:>7}  {score.false_trips:>5}  {_rate(score):>9}  {what}"


def _rate(score: Score) -> str:
    if score.false_trips_per_hour_below is not None:
        return f"< {score.false_trips_per_hour_below:.3g}"
    return "-" if score.false_trips_per_hour is None else f"{score.false_trips_per_hour:.3g}"


def _words(changes: Iterable[tuple[str, Any]]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in changes) or "as at present"


def sentence(score: Score) -> str:
    """Say a score in words."""
    latency = "" if score.latency_seconds is None else f", median latency {score.latency_seconds:.2f} s"
    return f"{score.found} of {score.walks} walks{latency}, {score.false_trips} false trips ({_rate(score)} an hour)"


def yaml(found: Proposal) -> list[str]:
    """Return the proposed settings as YAML to paste; what stands behind each is how far it may move alone."""
    lines = ["inputs:", f"  {found.name}:", f"    kind: {found.proposed.__struct_config__.tag}"]
    changes = dict(different(found.proposed, found.present))
    for field in msgspec.structs.fields(found.proposed):
        value = getattr(found.proposed, field.name)
        if not field.required and value == field.default and field.name not in changes:
            continue
        text = f"    {field.name}: {json.dumps(msgspec.to_builtins(value))}"
        notes = [f"was {getattr(found.present, field.name):g}"] if field.name in changes else []
        if field.name in found.margins:
            notes.append(_margin(found.margins[field.name]))
        lines.append(f"{text:40}{'# ' + '; '.join(notes) if notes else ''}".rstrip())
    lines += [f"    # {name}: {_margin(m)}" for name, m in found.margins.items() if not _shown(lines, name)]
    return lines


def _shown(lines: list[str], name: str) -> bool:
    return any(line.startswith(f"    {name}:") for line in lines)


def _margin(margin: Margin) -> str:
    text = f"good from {margin.low:g} to {margin.high:g}"
    for side, why in (("below", margin.below), ("above", margin.above)):
        text += f"; {side}: {why}" if why else ""
    return text


def belief(found: Proposal) -> list[str]:
    """Say how far the proposal may be believed."""
    if not found.folds:
        return ["cross-validation: none, for that takes four recordings; these figures only describe the ones at hand"]
    score, choices = found.folds.left_out, found.folds.chosen
    agree = sum(one == found.proposed for one in choices)
    lines = [
        f"cross-validation ({len(choices)} folds, each scored with settings found without it): {sentence(score)}",
        f"  {agree} of {len(choices)} folds chose the proposed settings",
    ]
    lines += [f"  another chose {_words(different(one, found.proposed))}" for one in choices if one != found.proposed]
    if found.better:
        lines.append("  better than the present settings there too: take them")
    else:
        lines.append(f"  no better there than the present settings ({sentence(found.scores[0])}):")
        lines.append("  keep those, for they were fitted to none of these recordings")
    if score.found == score.walks:
        lines.append(
            f"  with no walk lost of {score.walks}, up to {min(100, 300 / score.walks):.0f} % may be (95 % confidence)"
        )
    return lines
