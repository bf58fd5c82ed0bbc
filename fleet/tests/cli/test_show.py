"""Tables for people, JSON for programs: devices and releases."""

from typing import Any

import pytest

from picket_fleet.store import devices, images, releases, variables
from picket_fleet.store.variables import Variable


def test_devices_say_what_they_run_and_are_to_run(run: Any, house: Any) -> None:
    house.report(house.attic, house.second, "downloading", ("web", "Downloading", 30), ("relay", "Downloading", 60))
    devices.pin(house.database, house.hall.id, house.second.id)

    assert run("devices").out == (
        "NAME   STATE                     RELEASE     TARGET             SEEN\n"
        "attic  online, downloading 45 %  0.1.0       0.1.0+rev1         0 s ago\n"
        "hall   online                    0.1.0+rev1  0.1.0+rev1 pinned  0 s ago\n"
        "shed   not seen yet              -           0.1.0+rev1         never\n"
    )


def test_a_narrow_terminal_gets_a_block_a_device(run: Any, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    devices.remove(house.database, house.shed.id)
    monkeypatch.setenv("COLUMNS", "40")

    assert run("devices").out == (
        "NAME     attic\n"
        "STATE    online, waiting\n"
        "RELEASE  0.1.0\n"
        "TARGET   0.1.0+rev1\n"
        "SEEN     0 s ago\n"
        "\n"
        "NAME     hall\n"
        "STATE    online\n"
        "RELEASE  0.1.0+rev1\n"
        "TARGET   0.1.0+rev1\n"
        "SEEN     0 s ago\n"
    )


@pytest.mark.usefixtures("house")
def test_devices_for_programs(run: Any) -> None:
    attic, hall, shed = run("devices", "--json").json

    assert [view["state"] for view in (attic, hall, shed)] == ["online", "online", "not seen yet"]
    assert attic["release"] == {"version": "0.1.0", "commit": "1abc" * 8}
    assert attic["target"] == hall["release"] == {"version": "0.1.0+rev1", "commit": "2abc" * 8}
    assert (attic["update"], hall["update"], hall["seen_at"]) == ("waiting", "", "2026-11-21T17:02:52+00:00")
    assert shed["release"] is None and shed["seen_at"] is None and hall["is_pinned"] is False


def test_a_device_in_full(run: Any, house: Any) -> None:
    house.report(house.hall, house.second, "done", ("web", "Running", None), ("relay", "exited", None))
    devices.tag(house.database, house.hall.id, "floor", "1")
    variables.put(house.database, Variable(None, "web", "PORT", "80"))
    variables.put(house.database, Variable(house.hall.id, "", "PORT", "8080"))

    assert run("device", "hall").out == (
        "hall\n"
        "  state      online, seen 0 s ago\n"
        "  release    0.1.0+rev1 (2abc2ab)\n"
        "  target     0.1.0+rev1 (2abc2ab)\n"
        "  processor  12 %, 48 °C\n"
        "  memory     212 of 512 MB\n"
        "  address    10.0.0.7\n"
        "  type       raspberrypi4-64\n"
        f"  uuid       {house.hall.uuid}\n"
        "  joined     2026-11-21 17:02:52\n"
        "  tags       floor=1\n"
        "\n"
        "SERVICE  STATE    RELEASE\n"
        "relay    exited   0.1.0+rev1\n"
        "web      Running  0.1.0+rev1\n"
        "\n"
        "VARIABLE  SERVICE  OF\n"
        "PORT      web      fleet\n"
        "PORT      all      device\n"
    )


def test_a_device_that_rolled_back_says_why(run: Any, house: Any) -> None:
    house.report(house.attic, house.second, "rejected", reason="web left with exit code 1")

    assert "attic  online, rejected  0.1.0" in run("devices").out
    assert "  reason     web left with exit code 1\n" in run("device", "attic").out


def test_what_a_device_says_does_not_steer_the_terminal(run: Any, house: Any) -> None:
    house.report(house.attic, house.second, "\x1b[2Jgone\nhall online")

    assert "\x1b" not in run("devices").out
    assert len(run("devices").out.splitlines()) == 4


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({"apps": None}, id="no apps"),
        pytest.param({"apps": {"f": 1}, "cpu_usage": ["x"]}, id="no mappings"),
        pytest.param({"apps": [], "memory_usage": {}}, id="a list"),
    ],
)
def test_a_device_may_say_nonsense(run: Any, house: Any, report: Any) -> None:
    devices.save_report(house.database, house.attic.id, report)

    assert run("devices").code == run("device", "attic").code == 0


def test_a_device_is_found_by_the_beginning_of_its_uuid(run: Any, house: Any) -> None:
    assert run("device", house.hall.uuid[:6], "--json").json["name"] == "hall"


def test_releases(run: Any, house: Any) -> None:
    broken = releases.begin(house.database, "0.1.0", house.now - 60)
    releases.fail(house.database, broken.id, house.now)
    releases.annotate(house.database, house.second.id, "a quieter filter")

    assert run("releases").out == (
        "VERSION              COMMIT   STATE          DEVICES  SIZE    BEGAN       NOTE\n"
        "0.1.0-1795280512000  4abc4ab  failed                  0 B     1 min ago\n"
        "0.1.0-1795271572000  3abc3ab  draft                   3.0 kB  2 h ago\n"
        "0.1.0+rev1           2abc2ab  final, latest  1        3.0 kB  5 h ago     a quieter filter\n"
        "0.1.0                1abc1ab  final          1        3.0 kB  2 days ago\n"
    )


def test_a_release_in_full(run: Any, house: Any) -> None:
    house.home.delta(house.first.commit_id, house.second.commit_id).write_bytes(bytes(462))
    releases.tag(house.database, house.second.id, "git.sha", "0459ce4")
    relay, web = images.of(house.database, house.second.id)

    assert run("release", "2abc").out == (
        "0.1.0+rev1\n"
        "  state      final, latest\n"
        "  commit     2abc2abc2abc2abc2abc2abc2abc2abc\n"
        "  began      2026-11-21 12:02:52, took 30 s\n"
        "  size       3.0 kB\n"
        "  deltas     462 B from 0.1.0\n"
        "  devices    hall\n"
        "  tags       git.sha=0459ce4\n"
        "\n"
        "SERVICE  IMAGE\n"
        f"relay    {relay.image_id[:12]}\n"
        f"web      {web.image_id[:12]}\n"
    )


@pytest.mark.usefixtures("house")
def test_releases_for_programs(run: Any) -> None:
    draft, second, first = run("releases", "--json").json

    assert (draft["state"], second["is_latest"], first["is_latest"]) == ("draft", True, False)
    assert (second["devices"], second["bytes"], first["began_at"]) == (["hall"], 3000, "2026-11-19T15:02:52+00:00")
    assert set(run("release", "latest", "--json").json["images"]) == {"relay", "web"}


def test_a_new_fleet_says_what_comes_next(run: Any, house: Any) -> None:
    for device in devices.everyone(house.database):
        devices.remove(house.database, device.id)

    assert run("devices").out == "no device has joined yet ('fleet join NAME' says how)\n"
    assert run("devices", "--json").json == []


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["device", "halls"], "halls: no such device; there is attic, hall, shed", id="device"),
        pytest.param(
            ["release", "9.9.9"],
            "9.9.9: no such release; there is 0.1.0-1795271572000, 0.1.0+rev1, 0.1.0",
            id="release",
        ),
        pytest.param(
            ["restart", "hall", "--service", "wob"], "wob: no such service; there is relay, web", id="service"
        ),
        pytest.param(
            ["--fleet", "/nowhere", "devices"], "/nowhere: no fleet lives here ('fleet init' makes one)", id="fleet"
        ),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(run: Any, words: list[str], reason: str) -> None:
    said = run(*words)

    assert (said.code, said.out, said.err) == (1, "", f"fleet: {reason}\n")
