import gzip
import math
from pathlib import Path

import pytest

from picket_gpio_input.replay.trace_file import Sample, TraceError, read_traces


def test_a_file_is_one_trace_or_several_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text("t_s,volts\n0,2.5\n0.1,\n0.2,nan\n0.3,-0.1\n")
    (tmp_path / "labelled.csv").write_text("segment,t_s,volts_5v,human\n1,0,2.5,0\n1,1,2.6,1\n2,0,2.7,0\n")

    traces = [
        (Path(trace.file).name, trace.recording, trace.labels, list(trace.samples))
        for trace in read_traces([str(tmp_path / "plain.csv"), str(tmp_path / "labelled.csv")])
    ]

    name, recording, labels, samples = traces[0]
    assert (name, recording, labels) == ("plain.csv", None, None)
    assert [round(volts, 1) for _, volts, _ in samples if not math.isnan(volts)] == [2.5, -0.1]
    assert traces[1:] == [
        ("labelled.csv", "1", "human", [Sample(0, 2.5, False), Sample(1, 2.6, True)]),
        ("labelled.csv", "2", "human", [Sample(0, 2.7, False)]),
    ]


def test_a_trace_with_no_rows_yet_is_a_trace(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t_s,volts\n")

    assert [list(trace.samples) for trace in read_traces([str(tmp_path / "a.csv")])] == [[]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"t_s,volts\n0,2.5\n1\n", "a.csv:3: expected two numbers, got t_s '1' and volts None"),
        ("a.csv", b"t_s,volts\nnan,2.5\n", "a.csv:2: expected two numbers"),
        ("a.csv", b"t_s,volts\n0,\xff\xfe\n", "a.csv: 'utf-8' codec"),
        ("a.csv", b"", "a.csv:1: expected columns t_s and volts"),
        ("a.csv.gz", b"t_s,volts\n", "a.csv.gz: Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"t_s,volts\n" + b"0,2.5\n" * 999)[:-20], "a.csv.gz: Compressed file ended"),
        ("a.csv", b't_s,volts\n0,"' + b"2" * 200_000 + b'"\n', "a.csv:2: field larger than field limit"),
    ],
    ids=["short-row", "no-time", "no-text", "empty", "no-gzip", "cut-off", "huge-field"],
)
def test_what_is_no_trace_is_said_with_its_place(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(TraceError) as raised:
        for trace in read_traces([str(tmp_path / name)]):
            list(trace.samples)

    assert message in str(raised.value)
