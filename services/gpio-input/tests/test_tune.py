import argparse
import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from picket.config import load
from picket.config.schema import AnalogPir, DigitalPir, Input
from picket.errors import PicketError
from picket_gpio_input.replay.scoring import Outcome, Recording, Trials, outcome, total, walks_of
from picket_gpio_input.replay.trace_file import Sample
from picket_gpio_input.replay.tunable import changed, tunable, values
from picket_gpio_input.tune import command as tune
from picket_gpio_input.tune.search import margins, middle_of_the_best
from picket_simulator.synthesise import walk

CONFIG = """
device: test
adc_boards: {main: {bus: /dev/i2c-1}}
inputs:
  hall: {kind: analog_pir, channel: 1, on_above_volts: 2.4, off_below_volts: 1.2, pulses: 1, window_seconds: 6}
"""
WALK_RECORDINGS = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a configuration that is deaf, walks at half the samples, and an empty room with a swing now and then."""
    (tmp_path / "picket.yaml").write_text(CONFIG)
    rows = ["recording,t_s,volts,human"]
    for seed in range(1, WALK_RECORDINGS + 1):
        trace = walk(seed)[::2]
        rows += [f"walk_{seed},{t_s},{volts},{int(1 <= t_s <= trace[-1][0] - 1)}" for t_s, volts in trace]
    dice = random.Random(7)
    for number in (1, 2):
        swings = [2.5 + dice.gauss(0, 0.01) + 0.35 * math.sin(n) * (n % 400 < 12) for n in range(1000)]
        rows += [f"empty_{number},{n / 50},{volts:.4f},0" for n, volts in enumerate(swings)]
    (tmp_path / "labelled.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def picket_tune(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: str) -> str:
        parser = argparse.ArgumentParser()
        tune.add_arguments(parser)
        assert (
            tune.run(parser.parse_args([*arguments, "--config", str(folder / "picket.yaml"), "--input", "hall"])) == 0
        )
        return capsys.readouterr().out

    return call


def test_deaf_settings_are_tuned_until_every_walk_is_found_and_nobody_trips(
    folder: Path, picket_tune: Callable[..., str]
) -> None:
    found: dict[str, Any] = json.loads(picket_tune(str(folder / "labelled.csv"), "--json"))

    assert found["present"]["found"] < WALK_RECORDINGS
    proposed = found["proposed"]
    assert (proposed["found"], proposed["false_trips"]) == (WALK_RECORDINGS, 0)
    assert proposed["median_latency_seconds"] <= 1.0
    assert proposed["false_trips_per_hour_below"] == pytest.approx(3 / proposed["nobody_hours"], rel=0.01)
    threshold = proposed["settings"]["on_above_volts"]
    margin = found["margins"]["on_above_volts"]
    assert margin["low"] <= threshold <= margin["high"]
    assert found["better_on_left_out_recordings"]
    assert found["cross_validation"]["walks"] == WALK_RECORDINGS
    points = [(p["found"], -p["false_trips"], -p["median_latency_seconds"]) for p in found["operating_points"]]
    assert not any(all(a >= b for a, b in zip(p, q, strict=True)) for p in points for q in points if p != q)


def test_a_margin_ends_where_a_walk_is_lost(folder: Path) -> None:
    recordings, _ = tune.labelled([str(folder / "labelled.csv")], [])
    with Trials(recordings) as trials:
        margin = margins(trials, AnalogPir(channel=1, on_above_volts=1.0), lambda _: True)["on_above_volts"]

    assert margin.low < 1.0 <= margin.high < 3.0
    assert re.fullmatch(r"\d walks? lost \(walk_\d at 1.0 s\)", margin.above or "")


def test_two_runs_propose_the_same(folder: Path, picket_tune: Callable[..., str]) -> None:
    first, second = (picket_tune(str(folder / "labelled.csv"), "--json") for _ in range(2))

    assert first == second


def test_the_yaml_for_people_can_be_pasted_as_it_is(folder: Path, picket_tune: Callable[..., str]) -> None:
    text = picket_tune(str(folder / "labelled.csv"), "--plot", str(folder / "worst.svg"))

    lines = text.splitlines()
    first = lines.index("inputs:")
    pasted = lines[first : lines.index("", first)]
    (folder / "pasted.yaml").write_text("\n".join([*CONFIG.splitlines()[1:3], *pasted]) + "\n")
    settings = load(folder / "pasted.yaml").inputs["hall"]
    assert isinstance(settings, AnalogPir)
    assert settings.on_above_volts < 2.4
    assert "cross-validation (5 folds" in text
    assert ElementTree.parse(folder / "worst.svg").getroot().tag.endswith("svg")


def test_walks_can_be_given_by_hand(folder: Path, picket_tune: Callable[..., str]) -> None:
    trace = walk(1)
    (folder / "evening.csv").write_text("t_s,volts\n" + "".join(f"{t_s},{volts}\n" for t_s, volts in trace[::2]))

    text = picket_tune(str(folder / "evening.csv"), "--walk", f"1-{trace[-1][0] - 1:.2f}")

    assert "recordings: 1, with 1 walks" in text
    assert "cross-validation: none" in text


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("t_s,volts\n0,2.5\n9,2.5\n", [], "a: has no column human or present"),
        ("t_s,volts\n0,2.5\n9,2.5\n", ["--walk", "5-12"], "--walk 5-12: a goes from 0 to 9 s"),
        ("t_s,volts\n0,2.5\n9,2.5\n", ["--walk", "b:5-6"], "of which recording? Those without labels are a"),
        ("t_s,volts\n0,2.5\n9,2.5\n", ["--walk", "6-5"], "--walk 6-5: expected [NAME:]FROM-TO"),
        ("t_s,volts,present\n0,2.5,0\n9,2.5,0\n", [], "there is no walk in these recordings"),
        ("t_s,volts,human\n0,2.5,0\n9,2.5,yes\n", [], "a.csv:3: expected human 0 or 1, got 'yes'"),
        ("t_s,volts,human\n0,2.5,1\n9,2.5,1\n", ["--plot", "x.svg", "--recording", "b"], "there is no recording 'b'"),
    ],
    ids=["no-labels", "walk-outside", "unknown-name", "bad-walk", "no-walks", "bad-label", "no-such-recording"],
)
def test_what_can_not_be_tuned_is_said_in_one_line(
    folder: Path, picket_tune: Callable[..., str], text: str, arguments: list[str], message: str
) -> None:
    (folder / "a.csv").write_text(text)

    with pytest.raises(PicketError) as raised:
        picket_tune(str(folder / "a.csv"), *arguments)

    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_recordings_in_which_somebody_is_about_unnoted_are_left_out(folder: Path) -> None:
    (folder / "b.csv").write_text("segment,t_s,volts,present\n1,0,2.5,1\n1,1,2.5,1\n2,0,2.5,0\n2,1,2.5,0\n")

    recordings, passed_over = tune.labelled([str(folder / "labelled.csv"), str(folder / "b.csv")], [])

    assert passed_over == 1
    assert [recording.name for recording in recordings][-1] == "b:2"


def test_a_trip_counts_by_whether_anybody_was_there() -> None:
    labels = [Sample(n / 100, 2.5, 300 <= n < 500) for n in range(1000)]
    swings = [
        sample._replace(volts=2.5 + 1.5 * math.sin(9 * sample.t_s) * (3.5 < sample.t_s < 4.5 or 8 < sample.t_s < 9))
        for sample in labels
    ]

    seen = outcome(AnalogPir(channel=1, pulses=1, hold_seconds=1), Recording("r", swings, walks_of(labels)))

    assert seen.latencies == (pytest.approx(0.6, abs=0.15),)
    assert seen.false_trips == (pytest.approx(8.1, abs=0.15),)


def test_a_score_sums_up_outcomes() -> None:
    score = total([Outcome((0.4, None), ()), Outcome((0.8,), (3.0, 7.0))], [1800, 1800])

    assert (score.lost, score.latency_seconds, score.false_trips_per_hour) == (1, pytest.approx(0.6), 2.0)
    assert score.false_trips_per_hour_below is None


@pytest.mark.parametrize(
    ("keys", "present", "expected"),
    [
        ([3, 1, 1, 1, 1, 1, 3], 3, 3),
        ([3, 1, 1, 1, 1, 1, 3], 1, 3),
        ([3, 1, 1, 1, 1, 1, 3], 0, 3),
        ([1, 1, 1, 1, 3], 0, 0),
        ([2, 2, 2, 2], 1, 1),
        ([3, 1, 3, 1, 1, 3], 0, 3),
    ],
    ids=["roomy-stays", "edge-moves", "worse-moves", "open-end-stays", "all-alike-stays", "longest-stretch"],
)
def test_a_setting_moves_to_the_middle_of_the_best_only_where_it_must(
    keys: list[int], present: int, expected: int
) -> None:
    candidates: list[Input] = [AnalogPir(channel=1, on_above_volts=1 + n / 10) for n in range(len(keys))]

    chosen = middle_of_the_best(candidates, [(key,) for key in keys], candidates[present])

    assert candidates.index(chosen) == expected


@pytest.mark.parametrize("settings", [AnalogPir(channel=1), DigitalPir(channel=1)], ids=["analog", "digital"])
def test_what_is_tried_comes_from_the_schema_and_keeps_its_bounds(settings: Input) -> None:
    names = tunable(settings)

    assert {"on_above_volts", "pulses", "minimum_active_seconds"} <= set(names)
    assert not {"channel", "hold_seconds", "warm_up_seconds", "board"} & set(names)
    for name in names:
        for value in values(settings, name):
            msgspec.convert(msgspec.to_builtins(changed(settings, name, value)), type(settings))
