"""What a page is told: all there is, then only what changed; closely of what it looks at."""

import asyncio
import sqlite3
import threading
import time
from typing import Any

import pytest

from fleet.tests.page.client import Client
from fleet.tests.page.seen_house import Nobody
from fleet.tests.server.conftest import serving
from picket_fleet.build import log
from picket_fleet.page import routes
from picket_fleet.page.picture import Picture
from picket_fleet.store import devices, keys, logs, releases, variables
from picket_fleet.store.logs import Line


@pytest.fixture
def events(client: Any) -> Any:
    """A page that is open, and knows all there is."""
    events = client.events()
    events.until(lambda told: "fleet" in told and len(told["devices"]) == 5)
    return events


def names(told: Any) -> dict[str, Any]:
    return {view["name"]: view for view in told["devices"].values() if view}


def test_all_there_is_comes_first(house: Any, events: Any) -> None:
    told = names(events.told)

    assert told["attic"]["update"] == "downloading 45 %"
    assert told["cellar"]["reason"] == "web: it ended 4 times (last with 3)"
    assert told["cellar"]["health"] == "silent: hub; degraded: relay"
    assert {name: view["state"] for name, view in told.items()} == {
        "hall": "online",
        "attic": "online",
        "cellar": "online",
        "shed": "offline",
        "garage": "not seen yet",
    }
    release = events.told["releases"][house.second.commit_id]
    assert (release["version"], release["state"], release["devices"], release["bytes"]) == (
        *("0.1.0+rev1", "final", 1),
        41_003_100,
    )
    assert events.told["releases"][house.draft.commit_id]["state"] == "draft"


def test_no_value_of_a_variable_is_told(events: Any) -> None:
    assert {variable["name"] for variable in events.told["variables"]} == {"LEVEL", "COLOUR", "TOKEN"}
    assert "s3cret" not in str(events.patches)


def test_then_only_what_changed(house: Any, events: Any) -> None:
    before = len(events.patches)

    devices.tag(house.database, house.device("hall").id, "floor", "1")
    events.until(lambda told: names(told)["hall"]["tags"]["floor"] == "1")

    assert [list(patch) for patch in events.patches[before:]] == [["devices"]]
    assert [list(patch["devices"]) for patch in events.patches[before:]] == [[house.device("hall").uuid]]


def test_a_push_from_elsewhere_moves_all_targets(house: Any, events: Any) -> None:
    released = house.release(0)

    events.until(lambda told: names(told)["hall"]["target"]["commit"] == released.commit_id)

    told = names(events.told)
    assert {view["target"]["version"] for view in told.values()} == {"0.1.0+rev2"}


def test_what_is_gone_is_told(house: Any, client: Any, events: Any) -> None:
    client.do("remove", device="garage")

    events.until(lambda told: told["devices"][house.device("garage").uuid] is None)


def test_who_falls_silent_is_offline_without_anybody_writing_it(house: Any, events: Any) -> None:
    now = time.time()
    devices.heard(house.database, [devices.Contact(house.device("attic").id, now, now + 1.5)])

    events.until(lambda told: names(told)["attic"]["state"] == "offline")


def test_a_device_is_looked_at_closely_and_its_log_followed(house: Any, client: Any, events: Any) -> None:
    hall = house.device("hall")
    client.post(f"/page/api/events/{events.id}", {"device": hall.uuid}, method="PUT")
    told = events.until(lambda told: "device" in told and len(told["log"]) == 60)
    assert {service["service"]: service["state"] for service in told["device"]["services"]} == dict.fromkeys(
        ("hub", "relay", "web"), "Running"
    )

    logs.append(house.database, hall.id, [Line(house.now, "web", False, True, "<script>alert(1)</script>")])
    told = events.until(lambda told: len(told["log"]) == 61)
    assert told["log"][-1]["text"] == "<script>alert(1)</script>"

    client.post(f"/page/api/events/{events.id}", {"device": hall.uuid, "service": "relay"}, method="PUT")
    events.until(lambda told: {line["service"] for line in told["log"]} == {"relay"})

    client.do("stop", device="hall", service="web")
    events.until(lambda told: told["device"]["stopped"] == ["web"])


def test_a_build_is_followed_while_it_goes_on(house: Any, client: Any, events: Any) -> None:
    begun = releases.begin(house.database, "0.2.0", time.time())
    with house_log(house, begun) as kept:
        kept.say("web", "Step 1/9 : FROM base")
        events.until(lambda told: told["releases"].get(begun.commit_id, {}).get("state") == "building")
        client.post(f"/page/api/events/{events.id}", {"release": begun.commit_id}, method="PUT")
        events.until(lambda told: [line[2] for line in told["build"]] == ["Step 1/9 : FROM base"])

        kept.say("web", "Step 2/9 : COPY . /app")
        events.until(lambda told: len(told["build"]) == 2)

    releases.fail(house.database, begun.id, time.time())
    events.until(lambda told: told["releases"][begun.commit_id]["state"] == "failed")


def house_log(house: Any, release: Any) -> Any:
    return log.keeping(house.home.build_log(release.commit_id), Nobody())


def test_what_is_not_there_is_said_not_to_be(client: Any, events: Any) -> None:
    client.post(f"/page/api/events/{events.id}", {"device": "0" * 32}, method="PUT")
    assert events.until(lambda told: "device" in told)["device"] is None

    client.post(f"/page/api/events/{events.id}", {"release": "../../etc/passwd"}, method="PUT")
    assert events.until(lambda told: "release" in told)["release"] is None
    assert client.post("/page/api/events/nobodys", {"device": ""}, method="PUT").status_code == 404


def test_a_stream_ends_with_its_session(client: Any, events: Any) -> None:
    client.post("/page/api/logout", {})

    events.until(lambda _: events.is_over)


def test_a_stream_ends_with_its_token(house: Any, events: Any) -> None:
    keys.revoke(house.database, "anna")
    variables.put(house.database, variables.Variable(None, "", "NEWS", "1"))

    events.until(lambda _: events.is_over)


@pytest.mark.parametrize("look_at", [{}, {"device": "0" * 32}])
def test_a_page_that_is_open_does_not_keep_the_server_from_stopping(home: Any, look_at: Any) -> None:
    with serving(home, mounts=[routes.mount]) as fleet:
        client = Client(fleet)
        client.log_in(keys.give_out(fleet.database, keys.PERSON, "anna"))
        events = client.events()
        client.post(f"/page/api/events/{events.id}", look_at, method="PUT")
        events.until(lambda told: "fleet" in told)

    events.until(lambda _: events.is_over)


def test_a_rollout_is_told_with_who_is_in_it(house: Any, client: Any, events: Any) -> None:
    released = house.roll_out()

    told = events.until(lambda told: told.get("rollout") and len(told.get("members", {})) == 5)
    assert (told["rollout"]["release"]["commit"], told["rollout"]["phase"]) == (released.commit_id, "rolling")
    assert [stage["name"] for stage in told["rollout"]["stages"]] == ["canaries", "50 %", "100 %"]
    canaries = {member["name"] for member in told["members"].values() if member["stage"] == 0}
    assert canaries == {"hall", "cellar"}
    events.until(
        lambda told: (
            {name for name, view in names(told).items() if view["target"]["commit"] == released.commit_id} == canaries
        )
    )

    client.do("rollout_undo")

    events.until(lambda told: told["rollout"]["phase"] == "taken back")
    events.until(lambda told: names(told)["hall"]["target"]["commit"] == house.second.commit_id)


def test_nothing_is_told_of_half_a_look(house: Any) -> None:
    for index in range(60):
        house.fleet.join(f"pi-{index}")
    picture = Picture(house.home, house.database)

    async def told_while_it_looks() -> list[Any]:
        look, told = asyncio.create_task(picture.look(house.now)), []
        while not look.done():
            told.append(picture.since(0)[0])
            await asyncio.sleep(0)
        return told

    told = asyncio.run(told_while_it_looks())

    assert len(told) > 2
    assert not any(told)
    assert len(picture.since(0)[0]["devices"]) == 65


def test_a_page_goes_on_after_a_look_at_a_disk_in_trouble(
    house: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, failed = Picture.look, threading.Event()

    async def fails_once(picture: Picture, now: float) -> float:
        if failed.is_set():
            return await look(picture, now)
        failed.set()
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Picture, "look", fails_once)
    assert failed.wait(30)

    devices.tag(house.database, house.device("hall").id, "floor", "1")

    events.until(lambda told: names(told)["hall"]["tags"]["floor"] == "1")
