"""upsd, as its clients see it."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from picket.config.schema import Config, Simulator
from picket_simulator.appliances import appliances
from picket_simulator.ups import Upsd
from tests.servers.upsd import installed

COLLECTORS = {
    "ups": {"kind": "nut", "ups": "demo", "port": 0},
    "again": {"kind": "nut", "ups": "demo", "port": 0},
    "other": {"kind": "nut", "ups": "office", "port": 0},
}


@pytest.fixture
def upsd() -> Iterator[Upsd]:
    with Upsd(Config(device="demo", simulator=Simulator(ups_port=0)), COLLECTORS) as upsd:
        yield upsd


@pytest.fixture
def line(upsd: Upsd) -> Iterator[BinaryIO]:
    with socket.create_connection(("127.0.0.1", upsd.port), 5) as connection, connection.makefile("rwb") as line:
        yield line  # type: ignore[misc]


def ask(line: BinaryIO, command: str) -> list[str]:
    line.write(command.encode() + b"\n")
    line.flush()
    heard = [line.readline().decode().strip()]
    while heard[0].startswith("BEGIN") and not heard[-1].startswith("END"):
        heard.append(line.readline().decode().strip())
    return heard


def test_a_ups_is_listed_whole(line: BinaryIO) -> None:
    heard = ask(line, "LIST VAR demo")

    assert (heard[0], heard[-1]) == ("BEGIN LIST VAR demo", "END LIST VAR demo")
    assert 'VAR demo ups.status "OL"' in heard
    assert 'VAR demo input.voltage "231.0"' in heard


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("GET VAR demo ups.status", ['VAR demo ups.status "OL"']),
        ("GET VAR demo ups.colour", ["ERR VAR-NOT-SUPPORTED"]),
        ("LIST VAR attic", ["ERR UNKNOWN-UPS"]),
        ("LIST UPS", ["BEGIN LIST UPS", 'UPS demo "simulated"', 'UPS office "simulated"', "END LIST UPS"]),
        ("USERNAME me", ["OK"]),
        ("DANCE", ["ERR UNKNOWN-COMMAND"]),
        ("LOGOUT", ["OK Goodbye"]),
    ],
)
def test_commands_are_answered_as_upsd_does(line: BinaryIO, command: str, answer: list[str]) -> None:
    assert ask(line, command) == answer


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("power_cut", ['VAR demo ups.status "OB DISCHRG"']),
        ("low_battery", ['VAR demo ups.status "OB DISCHRG LB"']),
        ("stale", ["ERR DATA-STALE"]),
    ],
)
def test_a_fault_is_that_ups_s_whoever_asks_and_no_other_s(
    upsd: Upsd, line: BinaryIO, fault: str, answer: list[str]
) -> None:
    upsd.fault("again", fault)

    assert ask(line, "GET VAR demo ups.status") == answer
    assert ask(line, "GET VAR office ups.status") == ['VAR office ups.status "OL"']
    upsd.fault("ups", "clear")
    assert ask(line, "GET VAR demo input.voltage") == ['VAR demo input.voltage "231.0"']


def test_a_silent_one_says_nothing(upsd: Upsd) -> None:
    upsd.fault("ups", "silent")

    with socket.create_connection(("127.0.0.1", upsd.port), 0.3) as connection:
        connection.sendall(b"LIST VAR demo\n")
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_an_unknown_fault_is_refused(upsd: Upsd) -> None:
    with pytest.raises(ValueError, match="expected a fault of power_cut, low_battery, stale, silent, clear, got fire"):
        upsd.fault("ups", "fire")


def test_only_what_asks_at_the_simulator_s_port_is_simulated(tmp_path: Path) -> None:
    config = Config(
        device="demo",
        data_dir=str(tmp_path),
        collectors={
            "ups": {"kind": "nut", "ups": "demo", "port": 7703},
            "real": {"kind": "nut", "ups": "eaton", "host": "nas"},
            "weather": {"kind": "http", "url": "http://127.0.0.1:7705/v1/forecast"},
            "sky": {"kind": "http", "url": "https://api.open-meteo.com/v1/forecast"},
        },
    )

    assert [list(appliance.names) for appliance in appliances(config)] == [["weather"], ["ups"]]


@pytest.mark.slow
def test_nut_s_own_client_reads_it(upsd: Upsd) -> None:
    if not installed():
        pytest.skip("nut-client is not installed")

    done = subprocess.run(
        ["upsc", f"demo@127.0.0.1:{upsd.port}"], capture_output=True, text=True, timeout=60, check=True
    )

    assert "battery.charge: 100\n" in done.stdout
    assert "ups.status: OL\n" in done.stdout
