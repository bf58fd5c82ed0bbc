"""What a device's services say: the last lines, and those that come."""

from typing import Any

from picket_fleet.cli import log
from picket_fleet.store import logs
from picket_fleet.store.logs import Line


def line(time: float, service: str, message: str, **more: bool) -> Line:
    return Line(time, service, more.get("is_system", False), more.get("is_error", False), message)


def test_the_last_lines(run: Any, house: Any) -> None:
    lines = [
        line(house.now - 2, "web", "up"),
        line(house.now - 1, "", "Starting service 'relay'", is_system=True),
        line(house.now, "relay", "siren \x1b[31mON\x1b[0m"),
    ]
    logs.append(house.database, house.hall.id, lines)

    assert run("logs", "hall", "-n", "2").out == (
        "2026-11-21 17:02:51  (device)  Starting service 'relay'\n2026-11-21 17:02:52  relay  siren  [31mON [0m\n"
    )
    assert run("logs", "hall", "--service", "web").out == "2026-11-21 17:02:50  web  up\n"
    assert run("logs", "hall", "-n", "0").out == run("logs", "attic").out == ""
    assert run("logs", "hall", "-n", "1", "--json").json == {
        "time": "2026-11-21T17:02:52+00:00",
        "service": "relay",
        "is_system": False,
        "is_error": False,
        "message": "siren \x1b[31mON\x1b[0m",
    }


def test_lines_are_followed_until_ctrl_c(run: Any, house: Any, monkeypatch: Any) -> None:
    logs.append(house.database, house.hall.id, [line(house.now, "web", "one"), line(house.now, "relay", "other")])
    later = [line(house.now, "relay", "another"), line(house.now, "web", "two")]

    def pass_time(_seconds: float) -> None:
        if not later:
            raise KeyboardInterrupt
        logs.append(house.database, house.hall.id, [later.pop(0)])

    monkeypatch.setattr(log.time, "sleep", pass_time)

    said = run("logs", "hall", "--follow", "--service", "web")

    assert (said.code, said.err) == (130, "")
    assert [text.split()[-1] for text in said.out.splitlines()] == ["one", "two"]
