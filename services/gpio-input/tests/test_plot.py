import math
from xml.etree import ElementTree

import pytest

from picket.config.schema import AnalogPir, Band, DigitalPir, Input, Loop
from picket_gpio_input.replay.plot import draw, ticks
from picket_gpio_input.replay.trace_file import Sample
from picket_gpio_input.replay.trail import Panel
from picket_simulator.synthesise import walk

SVG = "{http://www.w3.org/2000/svg}"
LOOP = Loop(channel=3, zones={"normal": Band(0, 3.0), "alarm": Band(3.0, 3.9), "open": Band(3.9)})


def a_walk(seed: int = 1) -> list[Sample]:
    trace = walk(seed)
    return [Sample(t_s, volts, 1 <= t_s <= trace[-1][0] - 1) for t_s, volts in trace]


def classes(root: ElementTree.Element) -> dict[str, list[ElementTree.Element]]:
    found: dict[str, list[ElementTree.Element]] = {}
    for element in root.iter():
        found.setdefault(element.get("class", ""), []).append(element)
    return found


def test_a_plot_shows_volts_thresholds_pulses_verdicts_and_labels_with_their_reasons() -> None:
    root = ElementTree.fromstring(draw([Panel("hall", a_walk(), AnalogPir(channel=1, pulses=2))]))

    seen = classes(root)
    assert root.tag == f"{SVG}svg"
    assert len(seen["panel"]) == 1
    for drawn in ("volts", "rest", "on", "off", "pulse", "motion", "new", "end", "label"):
        assert len(seen[drawn]) > 1, drawn  # one of them is the legend's
    reasons = [title.text or "" for mark in seen["new"] for title in mark.iter(f"{SVG}title")]
    assert any("pulses in" in reason for reason in reasons)
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert {"0 s", "2 V", "hall"} <= set(texts)


def test_what_was_suppressed_is_marked_with_its_reason() -> None:
    spike = [Sample(n / 100, 3.4 if 200 <= n < 202 else 2.5) for n in range(1000)]

    root = ElementTree.fromstring(draw([Panel("hall", spike, AnalogPir(channel=1))]))

    marks = [mark for mark in classes(root)["suppressed"] if mark.find(f"{SVG}title") is not None]
    assert len(marks) == 1


@pytest.mark.parametrize(
    ("settings", "samples"),
    [
        (DigitalPir(channel=2), a_walk()),
        (LOOP, a_walk()),
        (AnalogPir(channel=1), []),
        (AnalogPir(channel=1), [Sample(3.0, 2.5)]),
        (AnalogPir(channel=1), [Sample(0, math.nan), Sample(1, -0.2), Sample(2, 5.06), Sample(500, 2.5)]),
    ],
    ids=["digital", "loop", "empty", "one-sample", "nan-negative-clipped-gap"],
)
def test_any_kind_and_any_trace_can_be_drawn(settings: Input, samples: list[Sample]) -> None:
    drawing = draw([Panel("<&>", samples, settings)])

    root = ElementTree.fromstring(drawing)
    assert "nan" not in drawing
    assert next(text.text for text in root.iter(f"{SVG}text")) == "<&>"


def test_a_long_trace_makes_no_large_file() -> None:
    night = [Sample(n / 60, 2.5 + 0.01 * (n % 7)) for n in range(60 * 600)]

    assert len(draw([Panel("night", night, AnalogPir(channel=1))])) < 400_000


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (2.31, 2.72, [2.4, 2.5, 2.6, 2.7]), (-0.4, 0.4, [-0.4, -0.2, 0, 0.2, 0.4])],
    ids=["seconds", "a-small-swing", "around-zero"],
)
def test_ticks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 6) == pytest.approx(expected)
