import argparse
import gzip
import io
import json
from pathlib import Path

import pytest

from picket.errors import PicketError
from picket_simulator import command
from picket_simulator.server import Server


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


def volts(server: Server, name: str) -> float:
    return server.hardware.world.volts(name, server.hardware.bus.clock.now())


@pytest.fixture(autouse=True)
def configured(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find the running simulator by a configuration."""
    file = tmp_path / "picket.yaml"
    file.write_text(f"device: demo\nsimulator: {{ control_port: {server.control_port} }}\n")
    monkeypatch.setenv("PICKET_CONFIG", str(file))


def test_walk_acts_on_the_world(server: Server) -> None:
    assert run("walk", "garden") == 0

    assert volts(server, "garden") == pytest.approx(3.3)


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        pytest.param("trace.csv", "t_s,volts\n0,1.5\n60,1.5\n", [], id="plain"),
        pytest.param("trace.csv.gz", "t_s,volts\n0,1.5\n60,1.5\n", [], id="gzipped"),
        pytest.param("trace.csv", "t_s,volts_5v\n0,1.5\n60,1.5\n", [], id="volts_5v"),
        pytest.param(
            "trace.csv",
            "recording,t_s,volts\na,0,9\nb,3,1.5\nb,63,1.5\na,1,9\n",
            ["--recording", "b"],
            id="one of several recordings",
        ),
    ],
)
def test_play_reads_a_trace(server: Server, tmp_path: Path, name: str, text: str, options: list[str]) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())

    assert run("play", str(file), "garden", *options) == 0

    assert volts(server, "garden") == pytest.approx(1.5)


def test_play_reads_stdin(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("t_s,volts\n0,1.5\n60,1.5\n"))

    assert run("play", "-", "garden") == 0

    assert volts(server, "garden") == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("t_s,volts\n0,1\n1,x\n", [], r"trace.csv:3: expected two numbers, got 1,x"),
        ("t_s,volts\n0\n", [], r"trace.csv:2: expected two numbers, got 0,None"),
        ("t_s,volts\n0,nan\n", [], r"trace.csv:2: expected two numbers, got 0,nan"),
        ("t_s,volts\n1,1\n1,1\n", [], r"trace.csv:3: expected a time after 1.0 s, got 1.0 s"),
        ("time,volts\n0,1\n", [], r"trace.csv:1: expected columns t_s and volts, got time,volts"),
        ("t_s,volts\n", [], r"trace.csv: no samples"),
        ("t_s,volts\n0,1\n", ["--recording", "a"], r"trace.csv:1: has no column recording"),
        ("recording,t_s,volts\na,0,1\n", ["--recording", "b"], r"trace.csv: no samples of recording b"),
    ],
)
def test_a_bad_trace_is_refused_with_file_and_line(tmp_path: Path, text: str, options: list[str], message: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text)

    with pytest.raises(PicketError, match=message):
        run("play", str(file), "hall", *options)


def test_disturb_adds_to_what_is_there(server: Server) -> None:
    begun = server.hardware.bus.clock.now()

    assert run("disturb", "chattering_contact", "garden", "--seed", "3", "--seconds", "600") == 0

    assert any(server.hardware.world.volts("garden", begun + index / 100) > 1.0 for index in range(6000))


def test_fault_misleads_the_bus_for_as_long_as_told(server: Server) -> None:
    assert run("fault", "nack", "0x20", "--seconds", "60") == 0

    with pytest.raises(OSError, match="Remote I/O"):
        server.hardware.bus.read_byte(0x20)


def test_what_cannot_be_is_one_line() -> None:
    with pytest.raises(PicketError, match=r"^expected an input of hall, garden, got cellar$"):
        run("walk", "cellar")


def test_no_simulator_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "picket.yaml").write_text("device: demo\nsimulator: { control_port: 1 }\n")

    with pytest.raises(PicketError, match=r"^no simulator answers on 127\.0\.0\.1:1 "):
        run("chips")


def test_chips_as_json_are_for_programs(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.hardware.bus.write_byte_data(0x20, 0x14, 0x01)

    run("chips", "--json", "--history")

    chips = {chip["address"]: chip for chip in json.loads(capsys.readouterr().out)}
    assert chips["0x20"]["registers"]["OLAT"] == 1
    assert chips["0x20"]["writes"][0]["register"] == "OLATA"


def test_chips_as_a_table_are_for_people(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.hardware.bus.write_i2c_block_data(0x20, 0x14, [0x01])
    server.hardware.bus.write_i2c_block_data(0x20, 0x00, [0xFE])

    run("chips", "--history")

    lines = capsys.readouterr().out.splitlines()
    assert "0x20 MCP23017 of main  OLAT 0001  IODIR fffe  IPOL 0000  IOCON 0000  GPPU 0000  GPIO 0001" in lines
    assert "  pin  1  high      siren" in lines
    assert any(line.endswith("s  IODIRA   fe") for line in lines)
    assert any(line.startswith("  channel 1    2.") and line.endswith(" V  hall") for line in lines)
