"""Draw traces with what the filter saw in them, as SVG: volts, rest and thresholds, pulses, verdicts, labels."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from picket.errors import PicketError
from picket_gpio_input.filter.detector import Finding
from picket_gpio_input.replay.scoring import walks_of
from picket_gpio_input.replay.trail import Panel, Trail, trail

WIDTH, HEIGHT = 1120.0, 360.0  # of a panel
LEFT, RIGHT, TOP, STRIPS = 64.0, 16.0, 56.0, 92.0  # the margins of its axes; the strips lie below
BROKEN_LINE_SECONDS = 0.5
INK, FAINT, LABEL, VOLTS = "#333a45", "#d9dde3", "#dff0e3", "#2f6db3"
REST, THRESHOLD, PULSE, MOTION = "#8a6d3b", "#c2571a", "#7a5bb5", "#1f8a4c"
TROUBLE, SUPPRESSED = "#d99a1c", "#b3261e"
STYLE = f"""
text {{ font: 12px sans-serif; fill: {INK}; }}
.title {{ font-size: 14px; font-weight: bold; }}
.grid {{ stroke: {FAINT}; stroke-width: 1; }}
.axis {{ stroke: {INK}; stroke-width: 1; fill: none; }}
.label {{ fill: {LABEL}; }}
.volts {{ stroke: {VOLTS}; stroke-width: 1.3; fill: none; stroke-linejoin: round; }}
.rest {{ stroke: {REST}; stroke-width: 1.2; fill: none; }}
.on {{ stroke: {THRESHOLD}; stroke-width: 1.1; fill: none; stroke-dasharray: 6 3; }}
.off {{ stroke: {THRESHOLD}; stroke-width: 1; fill: none; stroke-dasharray: 2 3; opacity: 0.8; }}
.pulse {{ fill: {PULSE}; }}
.doubted {{ fill: {PULSE}; opacity: 0.35; }}
.motion {{ fill: {MOTION}; }}
.trouble {{ fill: {TROUBLE}; }}
.new {{ fill: {MOTION}; }}
.end {{ fill: {INK}; }}
.suppressed {{ stroke: {SUPPRESSED}; stroke-width: 2; fill: none; }}
"""


def draw(panels: Sequence[Panel]) -> str:
    """Return an SVG with the panels below each other."""
    height = HEIGHT * max(1, len(panels))
    root = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH:g} {height:g}", width=f"{WIDTH:g}"
    )
    ElementTree.SubElement(root, "style").text = STYLE
    _add(root, "rect", width=WIDTH, height=height, fill="white")
    for number, panel in enumerate(panels):
        group = _add(root, "g", transform=f"translate(0 {HEIGHT * number:g})", **{"class": "panel"})
        _draw_panel(group, panel, trail(panel))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def save(panels: Sequence[Panel], file: Path) -> None:
    """Write an SVG of the panels; raises PicketError."""
    try:
        file.write_text(draw(panels), encoding="utf-8")
    except OSError as error:
        raise PicketError(f"{file}: {error.strerror}") from error


def _draw_panel(group: ElementTree.Element, panel: Panel, seen: Trail) -> None:
    points = [(t_s, volts) for t_s, volts, _ in panel.samples if math.isfinite(volts)] or [(0.0, 0.0)]
    begin, end = points[0][0], max(points[-1][0], points[0][0] + 0.001)
    bottom, strip = HEIGHT - STRIPS, HEIGHT - STRIPS + 30
    levels = [volts for _, volts in points]
    levels += [volts for line in seen.lines for _, volts in line.points[:: max(1, len(line.points) // 200)]]
    volts_ticks = ticks(min(levels) - 0.05, max(levels) + 0.05, 6)
    low, high = min(*levels, volts_ticks[0]) - 0.05, max(*levels, volts_ticks[-1]) + 0.05

    def x(t_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (min(max(t_s, begin), end) - begin) / (end - begin)

    def y(volts: float) -> float:
        return bottom - (bottom - TOP) * (volts - low) / (high - low)

    _text(group, panel.title, LEFT, 20, **{"class": "title"})
    for since, until in walks_of(panel.samples):
        shade = _add(group, "rect", x=x(since), y=TOP, width=x(until) - x(since), height=bottom - TOP)
        shade.set("class", "label")
        _title(shade, f"labelled from {since:.2f} to {until:.2f} s")
    for volts in volts_ticks:
        _add(group, "line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(volts), y2=y(volts), **{"class": "grid"})
        _text(group, f"{volts:g} V", LEFT - 6, y(volts) + 4, **{"text-anchor": "end"})
    for t_s in ticks(begin, end, 10):
        _add(group, "line", x1=x(t_s), x2=x(t_s), y1=bottom, y2=bottom + 5, **{"class": "axis"})
        _text(group, f"{t_s:g} s", x(t_s), bottom + 18, **{"text-anchor": "middle"})
    for name, kind, line, note in seen.lines:
        _title(_path(group, line, x, y, kind), note or name)
        if note:
            _text(group, note, WIDTH - RIGHT - 4, y(line[-1][1]) - 4, **{"text-anchor": "end"})
    _path(group, points, x, y, "volts")
    _add(group, "path", d=f"M{LEFT:g} {TOP:g}V{bottom:g}H{WIDTH - RIGHT:g}", **{"class": "axis"})
    for name, top in (("pulses", strip), ("motion", strip + 20), ("verdicts", strip + 40)):
        _text(group, name, LEFT - 6, top + 10, **{"text-anchor": "end"})
    for since, until, believed, why in seen.pulses:
        bar = _add(group, "rect", x=x(since), y=strip, width=max(1.0, x(until) - x(since)), height=10)
        bar.set("class", "pulse" if believed else "doubted")
        _title(bar, f"{since:.2f} to {until:.2f} s: {why}")
    _draw_verdicts(group, seen.findings, x, strip + 20)
    _draw_legend(group, seen)


def _draw_verdicts(
    group: ElementTree.Element, findings: list[Finding], x: Callable[[float], float], top: float
) -> None:
    began: dict[str, float] = {}
    for zone, verdict in findings:
        at, middle = x(verdict.at), top + 26
        if verdict.type == "new":
            began[zone] = verdict.at
            mark = _add(group, "path", d=f"M{at:.1f} {middle - 6:g}l6 11h-12z", **{"class": "new"})
        elif verdict.type == "end":
            since = x(began.pop(zone))
            bar = _add(group, "rect", x=since, y=top, width=max(1.0, at - since), height=10)
            bar.set("class", "motion" if zone == "alarm" else "trouble")
            _title(bar, f"{'motion' if zone == 'alarm' else zone} until {verdict.at:.2f} s: {verdict.why}")
            mark = _add(group, "path", d=f"M{at:.1f} {middle + 5:g}l6 -11h-12z", **{"class": "end"})
        elif verdict.type == "suppressed":
            d = f"M{at - 5:.1f} {middle - 5:g}l10 10m0 -10l-10 10"
            mark = _add(group, "path", d=d, **{"class": "suppressed"})
        else:
            continue
        _title(mark, f"{verdict.at:.2f} s {verdict.type} ({zone}): {verdict.why}")


def _draw_legend(group: ElementTree.Element, seen: Trail) -> None:
    """Explain what is drawn, and only that."""
    drawn = {element.get("class") for element in group}
    lines = dict.fromkeys([("volts", "volts"), *((line.name, line.kind) for line in seen.lines)])
    bars = [
        ("labelled", "label"),
        ("pulse", "pulse"),
        ("doubted", "doubted"),
        ("motion", "motion"),
        ("trouble", "trouble"),
    ]
    at, middle = LEFT, 38.0

    def explain(tag: str, name: str, kind: str, **shape: float | str) -> None:
        nonlocal at
        if kind in drawn:
            where = f"translate({at:.1f} {middle:g})"
            _add(group, tag, transform=where, **shape, **{"class": kind})
            _text(group, name, at + 23, middle + 4)
            at += 38 + 6.5 * len(name)

    for name, kind in lines:
        explain("line", name, kind, x1=0, x2=18, y1=0, y2=0)
    for name, kind in bars:
        explain("rect", name, kind, x=0, y=-5, width=18, height=10)
    explain("path", "new", "new", d="M12 -6l6 11h-12z")
    explain("path", "end", "end", d="M12 5l6 -11h-12z")
    explain("path", "suppressed", "suppressed", d="M7 -5l10 10m0 -10l-10 10")


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return at most about `count` round numbers from low to high."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * unit for unit in (1, 2, 5, 10) if power * unit >= rough)
    return [round(n * step, 9) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _path(
    group: ElementTree.Element,
    points: Sequence[tuple[float, float]],
    x: Callable[[float], float],
    y: Callable[[float], float],
    kind: str,
) -> ElementTree.Element:
    """Add a line through points, broken at gaps; of many in one column of pixels only the extremes are kept."""
    d: list[str] = []
    before = -math.inf
    for column in _columns(points, x):
        for t_s, volts in column:
            d.append(f"{'L' if t_s - before < BROKEN_LINE_SECONDS else 'M'}{x(t_s):.1f} {y(volts):.1f}")
            before = t_s
    return _add(group, "path", d="".join(d) or "M0 0", **{"class": kind})


def _columns(points: Sequence[tuple[float, float]], x: Callable[[float], float]) -> Iterator[list[tuple[float, float]]]:
    column: list[tuple[float, float]] = []
    for point in points:
        if column and int(x(point[0])) != int(x(column[0][0])):
            yield sorted({column[0], min(column, key=_volts), max(column, key=_volts), column[-1]})
            column = []
        column.append(point)
    if column:
        yield sorted({column[0], min(column, key=_volts), max(column, key=_volts), column[-1]})


def _volts(point: tuple[float, float]) -> float:
    return point[1]


def _add(parent: ElementTree.Element, tag: str, **attributes: float | str) -> ElementTree.Element:
    texts = {name: value if isinstance(value, str) else f"{value:.1f}" for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, texts)


def _text(parent: ElementTree.Element, text: str, x: float, y: float, **attributes: str) -> None:
    _add(parent, "text", x=x, y=y, **attributes).text = text


def _title(parent: ElementTree.Element, text: str) -> None:
    ElementTree.SubElement(parent, "title").text = text
