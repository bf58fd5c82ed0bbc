import gzip
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from picket_simulator.synthesise import walk

CONFIG = """
device: test
adc_boards: {main: {bus: /dev/i2c-1}}
inputs:
  hall: {kind: analog_pir, channel: 1, pulses: 2, warm_up_seconds: 30}
"""


def picket_replay(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "picket.yaml").write_text(CONFIG)
    command = [sys.executable, "-c", "from picket.cli import main; main()", "replay", *arguments]
    return subprocess.run(
        [*command, "--config", str(folder / "picket.yaml")], input=text, capture_output=True, text=True, check=False
    )


OTHER = CONFIG.replace("pulses: 2", "pulses: 3, hold_seconds: 1")


def trace(*volts: float) -> str:
    """Return a trace at 10 samples a second."""
    return "t_s,volts\n" + "".join(f"{n / 10},{v}\n" for n, v in enumerate(volts))


WALK = trace(*[2.5] * 20, *[3.5, 3.5, 2.5, 1.5, 1.5, 2.5] * 3, *[2.5] * 40)


def test_a_trace_from_standard_input_becomes_one_json_line_an_event(tmp_path: Path) -> None:
    result = picket_replay(tmp_path, "-", "--input", "hall", "--json", text=WALK)

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["type"] for event in events] == ["new", "end"]
    assert len({event["id"] for event in events}) == 1
    assert events[0]["t_s"] == pytest.approx(2.3, abs=0.3)
    assert "pulses" in events[0]["why"]


def test_from_power_up_the_walk_falls_into_the_warm_up(tmp_path: Path) -> None:
    result = picket_replay(tmp_path, "-", "--input", "hall", "--json", "--from-power-up", text=WALK)

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (["-", "--input", "hall"], "t_s,volts\n0,2.5\n0.1,two\n", "-:3: expected two numbers"),
        (["-", "--input", "hall"], "time,volts\n0,2.5\n", "-:1: expected columns t_s and volts, t_s not there"),
        (["-", "--input", "hall"], "t_s,volts\n0,2.5\n9,2.5\n0,2.5\n", "-:4: time goes back from 9 to 0 s"),
        (["-", "--input", "hall", "--recording", "b"], "t_s,volts,recording\n0,1,a\n", "-: no recording 'b' there"),
        (["-", "--input", "attic"], "t_s,volts\n", "there is no input 'attic'; there are hall"),
        (["-", "--input", "hall", "--set", "pulse=3"], "", "--set pulse=3: inputs.hall.pulse: unknown key"),
        (["-", "--input", "hall", "--set", "pulses=99"], "", "--set pulses=99: inputs.hall.pulses: expected int <= 20"),
        (["-", "--input", "hall", "--set", "pulses"], "", "--set pulses: expected KEY=VALUE"),
        (["missing.csv", "--input", "hall"], "", "missing.csv: No such file"),
    ],
    ids=[
        "bad-row",
        "bad-header",
        "back-in-time",
        "unknown-recording",
        "unknown-input",
        "unknown-setting",
        "bad-setting",
        "no-setting",
        "no-file",
    ],
)
def test_bad_input_is_one_line_that_names_the_place(
    tmp_path: Path, arguments: list[str], text: str, message: str
) -> None:
    result = picket_replay(tmp_path, *arguments, text=text)

    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_changed_settings_decide_otherwise(tmp_path: Path) -> None:
    result = picket_replay(tmp_path, "-", "--input", "hall", "--json", "--set", "hold_seconds=1", text=WALK)

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert "hold 1 s" in events[-1]["why"]


def test_a_folder_of_recordings_is_replayed_one_after_the_other(tmp_path: Path) -> None:
    recordings = "".join(f"{name},{t_s},{volts}\n" for name in ("first", "second") for t_s, volts in walk(len(name)))
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("recording,t_s,volts_5v\n" + recordings)
    (tmp_path / "b.csv").write_text(WALK)
    (tmp_path / "notes.csv").write_text("recording,weather\nfirst,rain\n")

    everything = picket_replay(tmp_path, str(tmp_path), "--input", "hall", "--json")
    one = picket_replay(tmp_path, str(tmp_path), "--input", "hall", "--json", "--recording", "second")

    places = [
        (Path(event["trace"]).name, event["recording"], event["type"])
        for event in map(json.loads, everything.stdout.splitlines())
        if event["type"] != "update"
    ]
    assert places == [
        (trace, recording, kind)
        for trace, recording in (("a.csv.gz", "first"), ("a.csv.gz", "second"), ("b.csv", None))
        for kind in ("new", "end")
    ]
    assert {json.loads(line)["recording"] for line in one.stdout.splitlines()} == {"second"}


def test_rows_without_volts_and_long_gaps_end_nothing_wrongly(tmp_path: Path) -> None:
    text = WALK.replace("4.0,", "4.0,nan\n4.01,\n4.02,-0.01\n4.03,", 1) + "99,2.5\n"

    result = picket_replay(tmp_path, "-", "--input", "hall", "--json", text=text)

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["type"] for event in events] == ["new", "end"]
    assert events[-1]["t_s"] < 10


def test_what_goes_on_ends_where_samples_stop_coming(tmp_path: Path) -> None:
    text = trace(*[2.5] * 20, *[3.5, 3.5, 2.5, 1.5, 1.5, 2.5] * 2) + "60,2.5\n"

    result = picket_replay(tmp_path, "-", "--input", "hall", "--json", text=text)

    last = json.loads(result.stdout.splitlines()[-1])
    assert (last["type"], last["t_s"]) == ("end", 3.1)
    assert last["why"].startswith("no samples for 56.9 s")


def test_against_other_settings_it_says_what_moves_and_why(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(OTHER)
    arguments = ("-", "--input", "hall", "--against", str(tmp_path / "other.yaml"))

    moved = json.loads(picket_replay(tmp_path, *arguments, "--json", text=WALK).stdout)
    table = picket_replay(tmp_path, *arguments, text=WALK).stdout

    assert moved["change"] == "moves"
    assert moved["moved_seconds"] == pytest.approx(moved["t_s_after"] - moved["t_s_before"])
    assert moved["moved_seconds"] > 0 > moved["end_moved_seconds"]
    assert "2 pulses" in moved["why_before"]
    assert "3 pulses" in moved["why_after"]
    assert table.splitlines()[-1] == "0 appears, 0 disappears, 1 moves, 0 as before"


def test_a_motion_that_disappears_says_what_suppressed_it(tmp_path: Path) -> None:
    arguments = ("--against", str(tmp_path / "picket.yaml"), "--set", "pulses=12")
    long_after = WALK + "".join(f"{n / 10},2.5\n" for n in range(78, 200))

    result = picket_replay(tmp_path, "-", "--input", "hall", "--json", *arguments, text=long_after)

    gone = json.loads(result.stdout)
    assert (gone["change"], gone["t_s_after"]) == ("disappears", None)
    assert gone["why_after"].startswith("suppressed: ")
    assert "12" in gone["why_after"]


def test_the_plot_of_a_replay_is_an_svg_of_every_side(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(OTHER)
    arguments = ("--against", str(tmp_path / "other.yaml"), "--plot", str(tmp_path / "out.svg"))

    picket_replay(tmp_path, "-", "--input", "hall", *arguments, text=WALK)

    root = ElementTree.parse(tmp_path / "out.svg").getroot()
    titles = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.get("class") == "title"]
    assert titles == ["-, before: pulses 2, hold_seconds 2.0", "-, after: pulses 3, hold_seconds 1.0"]
