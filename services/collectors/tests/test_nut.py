"""A UPS behind upsd: what is said on the line, and what is made of it."""

import json
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picket_collectors.outcome import Measured
from picket_collectors.pace import Pace
from picket_collectors.receiver import Receiver
from picket_collectors.source import Part, Site, SourceError, Stopped
from picket_collectors.sources.nut import (
    LOOK_SECONDS,
    MAX_VARIABLES,
    RANGES,
    Config,
    Nut,
    open_stream,
)
from picket_collectors.ups_values import FLAGS, flags
from picket_simulator.ups import Ups, Upsd

CASES = sorted((Path(__file__).parent / "golden" / "nut").iterdir())
EATON = Config(host="nas", ups="eaton")
PICKET = Config(host="nas", ups="eaton", username="picket", password='pass"word\\')


class Transcript:
    """A connection that goes as it is written: `> ` what is said, `< ` what is heard; then the server hangs up."""

    def __init__(self, text: str) -> None:
        self.lines = [line for line in text.splitlines() if not line.startswith("#")]
        self.closed = False

    def write(self, data: bytes) -> int:
        expected = self.lines.pop(0) if self.lines else "> LOGOUT"
        assert data.decode() == expected.removeprefix("> ") + "\n"
        return len(data)

    def flush(self) -> None:
        pass

    def readline(self, _limit: int = -1) -> bytes:
        if not self.lines:
            return b""
        line = self.lines.pop(0)
        assert line.startswith("< ")
        escapes = {"\\r": b"\r", "\\xff": b"\xff", "\\xfe": b"\xfe", "\\x00": b"\0"}
        parts = re.split(r"(\\r$|\\x..)", line[2:])
        data = b"".join(escapes.get(part, part.encode()) for part in parts)
        return data[:-1] if data.endswith(b"\\") else data + b"\n"

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_upsd_says_is_a_reading_or_the_reason_why_there_is_none(case: Path, site: Site) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    line = Transcript((case / "transcript.txt").read_text(encoding="utf-8"))
    config = PICKET if line.lines[0].startswith("> USERNAME") else EATON

    if "error" in expected:
        with pytest.raises(SourceError, match=f"^{re.escape(expected['error'])}$"):
            Nut(config, site, line).receive()
    elif "fault" in expected:
        assert Nut(config, site, line).receive() == [Part("driver", "ups", fault=expected["fault"])]
    else:
        driver, part = Nut(config, site, line).receive()
        assert driver == Part("driver", "ups")
        assert (part.name, part.kind, part.switches) == ("", "ups", frozenset(FLAGS))
        assert part.values == expected["values"]
        assert set(part.values) == set(RANGES)
    assert line.lines == []


@pytest.mark.parametrize("status", ["", " ", "WAIT", "OL WAIT", "OFF", "ALARM", "COMMBAD"])
def test_what_is_not_known_is_never_line_power(status: str) -> None:
    assert flags(status)["on_battery"] is None


def test_a_battery_that_is_also_on_line_power_is_on_battery() -> None:
    assert flags("OL OB")["on_battery"] == 1


class Slow(Transcript):
    def readline(self, _limit: int = -1) -> bytes:
        raise TimeoutError("timed out")


class Broken(Transcript):
    def write(self, _data: bytes) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(Slow("> LIST VAR eaton"), "eaton at nas:3493: upsd does not answer", id="silence"),
        pytest.param(Broken(""), "eaton at nas:3493: Broken pipe", id="broken"),
        pytest.param(
            Transcript("> LIST VAR eaton\n< BEGIN LIST VAR eaton\n" + '< VAR eaton a "1"\n' * MAX_VARIABLES),
            f"eaton at nas:3493: more than {MAX_VARIABLES} variables",
            id="a-list-without-an-end",
        ),
    ],
)
def test_a_line_that_fails_is_said_with_whose_it_is(line: Transcript, text: str, site: Site) -> None:
    nut = Nut(EATON, site, line)

    with pytest.raises(SourceError, match=f"^{text}$"):
        nut.receive()
    nut.close()
    assert line.closed


def test_it_takes_leave_and_never_logs_in(site: Site) -> None:
    line = Transcript("> LIST VAR eaton\n< BEGIN LIST VAR eaton\n< END LIST VAR eaton\n> LOGOUT\n")
    nut = Nut(EATON, site, line)
    nut.receive()

    nut.close()

    assert (line.lines, line.closed) == ([], True)


class Wired(Transcript):
    """A line to the simulator's upsd in virtual time."""

    def __init__(self, upsd: Upsd, time: Callable[[], float]) -> None:
        super().__init__("")
        self.upsd, self.time = upsd, time

    def write(self, data: bytes) -> int:
        self.lines += [f"< {line}" for line in self.upsd.answer(data.decode().strip(), self.time())]
        return len(data)


@pytest.fixture
def upsd(site: Site) -> Upsd:
    return Upsd(site.config, {"ups": {"kind": "nut", "ups": "eaton"}})


def test_a_power_cut_is_told_within_a_look_and_all_else_once_an_interval(site: Site, time: Any, upsd: Upsd) -> None:
    nut, pace, told = Nut(EATON, site, Wired(upsd, time)), Pace(60), []
    began, cut_at = time.now, time.now + 71
    while time.now < began + 180:
        if time.now >= cut_at:
            upsd.upses["ups"].fault("power_cut", time.now)
            cut_at = float("inf")
        for part in nut.receive():
            pace.offer(part, time.now)
        told += [(time.now - began, part.values["on_battery"]) for part in pace.due(time.now) if part.values]

    assert told == [(0, 0), (60, 0), (74, 1), (134, 1)]


def test_a_cut_that_the_driver_s_return_shows_is_told_within_a_look(site: Site, time: Any, upsd: Upsd) -> None:
    began, told = time.now, []

    def take(outcome: Any) -> None:
        parts = outcome.parts if isinstance(outcome, Measured) else ()
        told.extend((time.now - began, part.values["on_battery"]) for part in parts if part.values)
        if time.now - began >= 304:
            upsd.upses["ups"].fault("power_cut", time.now)
        elif time.now - began >= 4:
            upsd.upses["ups"].fault("stale", time.now)

    time.stop_at = began + 400
    Receiver(lambda: Nut(EATON, site, Wired(upsd, time)), 60, site, take).run()

    assert told == [(0, 0), (60, 0), (306, 1), (366, 1)]  # that of 60 s was measured before the loss


def test_a_server_that_is_not_there_is_said_with_its_address(site: Site) -> None:
    with pytest.raises(SourceError, match=r"^upsd at 127\.0\.0\.1:1: Connection refused$"):
        open_stream(Config(port=1, ups="eaton"), site)


def test_a_connection_whose_login_fails_is_closed(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = Config(port=server.getsockname()[1], ups="eaton", username="picket")
        answer = threading.Thread(target=lambda: answered.append(refuse(server)), daemon=True)
        answered: list[bytes] = []
        answer.start()

        with pytest.raises(SourceError, match=r"upsd refuses the username \(INVALID-USERNAME\)$"):
            open_stream(config, site)
        answer.join(5)

    assert answered == [b"USERNAME picket\n"]


def refuse(server: socket.socket) -> bytes:
    """Refuse whoever comes, and return all that was said until it hung up."""
    client, _ = server.accept()
    with client, client.makefile("rb") as said:
        heard = said.readline()
        client.sendall(b"ERR INVALID-USERNAME\n")
        return heard + said.read()


def test_waiting_for_the_next_look_can_be_ended(site: Site, time: Any, upsd: Upsd) -> None:
    nut = Nut(EATON, site, Wired(upsd, time))
    nut.receive()
    time.stop_at = time.now + LOOK_SECONDS / 2

    with pytest.raises(Stopped):
        nut.receive()


def test_a_simulated_battery_drains_goes_low_and_is_charged_again() -> None:
    ups, seen = Ups(), {}
    ups.fault("power_cut", 1000.0, seconds=1600)

    for now in (1001.0, 1900.0, 2599.0, 2601.0, 9999.0):
        variables = ups.variables(now)
        seen[now] = (variables["ups.status"], int(variables["battery.charge"]))

    assert seen == {
        1001.0: ("OB DISCHRG", 100),
        1900.0: ("OB DISCHRG", 50),
        2599.0: ("OB DISCHRG LB", 11),
        2601.0: ("OL CHRG LB", 11),
        9999.0: ("OL", 100),
    }
