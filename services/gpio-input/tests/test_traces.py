"""The trace recorder in virtual time, and its files in a folder."""

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as some

from picket.bus import Endpoints
from picket.bus.producer import Producer
from picket.config import Config
from picket.config.schema import AnalogPir, Traces
from picket.health import HealthBeat
from picket.messages import Zone
from picket_gpio_input.filter.detector import Finding
from picket_gpio_input.filter.motion import Verdict
from picket_gpio_input.replay.trace_file import read_traces
from picket_gpio_input.traces import Trace, TraceFiles, TraceRecorder, TraceRing

UTC_NS = 1_763_749_440_000_000_000  # 2025-11-21 18:24:00


def finding(kind: str, at: float, began: float, zone: Zone = "alarm", why: str = "1 of 2 pulses in 5 s") -> Finding:
    return Finding(zone, Verdict(type=kind, at=at, began=began, why=why, pulses=1, peak=1.0))  # type: ignore[arg-type]


def new_ring(before: float = 2.0, after: float = 1.0) -> TraceRing:
    return TraceRing("hall", before, after, 5.0, lambda now: UTC_NS + round(now * 1e9))


def play(ring: TraceRing, seconds: float, findings: list[Finding], begin: float = 0.0) -> list[Trace]:
    """Give a ring ten samples a second and the findings in their time; return the traces."""
    traces = []
    for tenth in range(round(begin * 10), round((begin + seconds) * 10)):
        now = tenth / 10
        traces.append(ring.sample(2.5 + tenth / 1000, now))
        for due in [f for f in findings if now - 0.1 < f.verdict.at <= now]:
            ring.judge(due, "hall-1" if due.verdict.type != "suppressed" else None)
    return [trace for trace in traces if trace]


def span(trace: Trace) -> tuple[float, float]:
    return trace.samples[0][0], trace.samples[-1][0]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param([("suppressed", 25.0, 20.0)], [(18.0, 26.0)], id="suppressed: from before its pulse to after"),
        pytest.param([("new", 21.0, 20.0), ("end", 30.0, 20.0)], [(18.0, 31.0)], id="motion: until after its end"),
        pytest.param([("new", 21.0, 20.0)], [(18.0, 78.0)], id="motion that lasts: a minute"),
        pytest.param([("suppressed", 0.5, 0.5)], [(0.0, 1.5)], id="at the start: what there is"),
        pytest.param([("suppressed", 30.0, 3.0)], [(23.0, 31.0)], id="a verdict that comes late: what is held"),
        pytest.param(
            [("suppressed", 20.0, 20.0), ("suppressed", 21.0, 20.5)], [(18.0, 22.0)], id="close together: one trace"
        ),
        pytest.param(
            [("suppressed", 20.0, 20.0), ("suppressed", 22.0, 22.0)],
            [(18.0, 21.0), (20.0, 23.0)],
            id="apart: two, which may share samples",
        ),
        pytest.param([("update", 20.0, 20.0), ("end", 21.0, 20.0)], [], id="what only goes on opens none"),
    ],
)
def test_a_trace_is_cut_around_a_candidate(
    findings: list[tuple[str, float, float]], expected: list[tuple[float, float]]
) -> None:
    ring = new_ring()

    traces = play(ring, 90.0, [finding(*f) for f in findings])

    assert [span(trace) for trace in traces] == [pytest.approx(span) for span in expected]


def test_motion_within_trouble_keeps_the_trace_open_until_both_are_over() -> None:
    findings = [
        finding("new", 20.0, 20.0),
        finding("new", 21.0, 21.0, "tamper"),
        finding("end", 22.0, 20.0),
        finding("end", 25.0, 21.0, "tamper"),
    ]

    (trace,) = play(new_ring(), 40.0, findings)

    assert span(trace) == pytest.approx((18.0, 26.0))
    assert [verdict for verdict, _ in trace.verdicts] == findings


def test_the_end_of_samples_opens_no_trace_but_ends_one_in_the_gap() -> None:
    ring = new_ring()
    play(ring, 10.0, [])

    ring.judge(finding("new", 10.5, 10.5, "fault", "ADC 0x68 does not answer"), "hall-1")
    nothing = play(ring, 30.0, [finding("suppressed", 3629.8, 3629.8)], begin=3600.0)
    (trace,) = play(ring, 1.0, [], begin=7200.0)

    assert nothing == []
    assert span(trace) == pytest.approx((3627.8, 3629.9))


@pytest.mark.parametrize(
    ("findings", "name"),
    [
        (
            [finding("suppressed", 25.0, 20.125, why="1 of 2 pulses in 5 s, peak 0.9 V")],
            "20251121T182420125Z-suppressed-1-of-2-pulses-in-5-s",
        ),
        (
            [finding("suppressed", 20.0, 20.0, why="Active for 0.021 s only (asked: 0.2 s)")],
            "20251121T182420000Z-suppressed-active-for-0-021-s-only",
        ),
        (
            [finding("suppressed", 20.0, 20.0), finding("new", 20.5, 20.25), finding("end", 22.0, 20.25)],
            "20251121T182420250Z-new-hall-1",
        ),
    ],
    ids=["suppressed", "what decided, without its figures", "motion before what was suppressed"],
)
def test_a_name_sorts_by_time_and_says_what_it_is(findings: list[Finding], name: str) -> None:
    (trace,) = play(new_ring(), 30.0, findings)

    assert trace.name == name


def test_six_traces_at_once_and_then_one_every_two_minutes_and_the_rest_are_counted() -> None:
    ring = new_ring()
    every_five_seconds = [finding("suppressed", at, at) for at in range(5, 600, 5)]

    traces = play(ring, 600.0, every_five_seconds)

    assert [round(trace.samples[0][0]) for trace in traces[:6]] == [3, 8, 13, 18, 23, 28]
    assert len(traces) == 6 + 4
    assert ring.skipped == len(every_five_seconds) - len(traces)


@given(
    some.lists(
        some.tuples(
            some.floats(-10.0, 1e6) | some.floats(0.0, 0.1),
            some.floats(0.0, 5.0) | some.just(math.nan),
            some.sampled_from(["", "", "", "new", "end", "update", "suppressed"]),
            some.floats(0.0, 100.0),
        )
    )
)
def test_whatever_the_time_does_a_trace_is_short_and_its_times_rise(
    steps: list[tuple[float, float, str, float]],
) -> None:
    ring, now, latest = new_ring(), 0.0, 0.0
    traces = []
    for step, volts, kind, ago in steps:
        now += step
        latest = max(now, latest)
        traces.append(ring.sample(volts, now))
        if kind:
            ring.judge(finding(kind, latest, latest - ago), "hall-1")
    traces.append(ring.close(now))

    for trace in filter(None, traces):
        times = [at for at, _ in trace.samples]
        assert times == sorted(set(times))
        assert times[-1] - times[0] <= 60.0
        assert all(math.isfinite(volts) for _, volts in trace.samples)
        assert trace.verdicts


def trace_at(second: int, samples: int = 100, name: str = "hall") -> Trace:
    """Return a trace that takes two blocks on disk, one for its samples and one for its verdicts."""
    volts = [(second + n / 100, 2.5 + n / 1000) for n in range(samples)]
    return Trace(name, UTC_NS + second * 10**9, volts, [(finding("suppressed", second + 0.5, second + 0.1), None)])


def test_a_file_is_what_replay_reads_and_its_verdicts_lie_beside_it(tmp_path: Path) -> None:
    TraceFiles(tmp_path, 10**6).write(trace_at(20))

    (file,) = (tmp_path / "hall").glob("*.csv")
    samples = [(sample.t_s, sample.volts) for trace in read_traces([str(file)]) for sample in trace.samples]
    beside = json.loads(file.with_suffix(".json").read_text())
    assert file.read_text().startswith("t_s,volts\n0.00000,2.50000\n0.01000,2.50100\n")
    assert samples == [pytest.approx((n / 100, 2.5 + n / 1000)) for n in range(100)]
    assert beside == {
        "input": "hall",
        "began_at": "2025-11-21T18:24:20+00:00",
        "samples": 100,
        "verdicts": [
            {
                "t_s": 0.5,
                "type": "suppressed",
                "id": None,
                "why": "1 of 2 pulses in 5 s",
                "zone": "alarm",
                "began_s": 0.1,
                "pulses": 1,
                "peak_volts": 1.0,
            }
        ],
    }


def test_the_oldest_go_first_whatever_input_they_are_of_and_after_a_restart_too(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path, 6 * 4096)
    for second, name in [(3, "hall"), (1, "attic"), (2, "hall")]:
        files.write(trace_at(second, name=name))
    files.write(trace_at(4))
    after_restart = TraceFiles(tmp_path, 6 * 4096)
    after_restart.write(trace_at(5, name="attic"))

    left = sorted(file.name[13:15] + " " + file.parent.name for file in tmp_path.glob("*/*.csv"))
    assert left == ["03 hall", "04 hall", "05 attic"]
    assert len(list(tmp_path.glob("*/*.json"))) == 3
    assert (after_restart.count, after_restart.bytes) == (3, 6 * 4096)


def test_of_a_trace_that_can_be_written_only_in_part_nothing_stays(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path, 10**6)
    (tmp_path / "hall" / "20251121T182404100Z-suppressed-1-of-2-pulses-in-5-s.json").mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        files.write(trace_at(4))

    assert [file for file in tmp_path.glob("*/*") if file.is_file()] == []
    assert (files.count, files.bytes) == (0, 0)


def test_a_trace_larger_than_all_the_space_is_not_kept(tmp_path: Path) -> None:
    files = TraceFiles(tmp_path, 4 * 4096)

    files.write(trace_at(1, samples=6000))

    assert (files.count, files.bytes, list(tmp_path.glob("*/*"))) == (0, 0, [])


def test_what_an_earlier_start_could_not_finish_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "hall").mkdir()
    half = tmp_path / "hall" / ".20251121T182401000Z-new-hall-1.csv.part"
    half.write_text("t_s,vo")

    TraceFiles(tmp_path, 10**6).write(trace_at(2))

    assert not half.exists()


@pytest.fixture
def producer() -> Iterator[Producer]:
    """Without a hub: what is published stays pending."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield Producer(context, Endpoints("127.0.0.1", 1, 1, 1), "gpio-input", "demo")
    context.destroy(linger=0)


def record(recorder: TraceRecorder, bursts: range) -> None:
    """Give a recorder ten samples a second of the hall, and suppressed bursts at these seconds."""
    for tenth in range(bursts.stop * 10):
        recorder.sample("hall", 2.5, tenth / 10)
        if tenth % 10 == 0 and tenth // 10 in bursts:
            recorder.judge("hall", finding("suppressed", tenth / 10, tenth / 10), None)


def new_recorder(folder: Path, health: HealthBeat, max_megabytes: float = 1.0) -> TraceRecorder:
    traces = Traces(max_megabytes=max_megabytes)
    config = Config(device="demo", data_dir=str(folder), inputs={"hall": AnalogPir(channel=1)}, traces=traces)
    return TraceRecorder(config, health, lambda now: UTC_NS + round(now * 1e9))


def test_all_that_is_open_or_waits_is_written_before_the_end(tmp_path: Path, producer: Producer) -> None:
    health = HealthBeat("gpio-input", producer)
    recorder = new_recorder(tmp_path, health)

    record(recorder, range(10, 41, 10))
    recorder.close()

    assert len(list((tmp_path / "traces" / "hall").glob("*.csv"))) == 4
    assert health.figures()["traces"] == {"kept": 4, "megabytes": 0.03, "skipped": 0, "lost": 0}


def test_a_folder_that_cannot_be_written_is_said_once_and_samples_go_on(
    tmp_path: Path, producer: Producer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "traces").write_text("a file in the way")
    health = HealthBeat("gpio-input", producer)
    recorder = new_recorder(tmp_path, health)

    record(recorder, range(10, 41, 10))
    recorder.close()

    assert caplog.messages == ["traces: can't be kept: Not a directory"]
    assert (health.figures()["traces"]["lost"], producer.pending) == (4, 1)


def test_without_space_nothing_is_held_or_written(tmp_path: Path, producer: Producer) -> None:
    health = HealthBeat("gpio-input", producer)
    recorder = new_recorder(tmp_path, health, max_megabytes=0.0)

    record(recorder, range(10, 41, 10))
    recorder.close()

    assert list(tmp_path.iterdir()) == []
    assert "traces" not in health.figures()
