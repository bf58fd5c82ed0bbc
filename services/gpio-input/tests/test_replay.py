import json
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
device: test
adc_boards: {main: {bus: /dev/i2c-1}}
inputs:
  hall: {kind: analog_pir, channel: 1, warm_up_seconds: 30}
"""


def picket_replay(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "picket.yaml").write_text(CONFIG)
    command = [sys.executable, "-c", "from picket.cli import main; main()", "replay", *arguments]
    return subprocess.run(
        [*command, "--config", str(folder / "picket.yaml")], input=text, capture_output=True, text=True, check=False
    )


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
        (["-", "--input", "attic"], "t_s,volts\n", "there is no input 'attic'; there are hall"),
        (["missing.csv", "--input", "hall"], "", "missing.csv: No such file"),
    ],
    ids=["bad-row", "bad-header", "unknown-input", "no-file"],
)
def test_bad_input_is_one_line_that_names_the_place(
    tmp_path: Path, arguments: list[str], text: str, message: str
) -> None:
    result = picket_replay(tmp_path, *arguments, text=text)

    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
