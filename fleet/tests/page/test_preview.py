"""What a release would do to the devices, as `fleet preview` says it of a commit."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fleet.tests import pushing
from fleet.tests.page.client import Client
from fleet.tests.page.seen_house import SERVICES, House
from fleet.tests.server.conftest import serving
from picket_fleet.cli import main
from picket_fleet.page import routes
from picket_fleet.server.deltas import make_apart
from picket_fleet.store import devices, keys, releases
from picket_fleet.store.effects import Effect, lines
from picket_fleet.store.preview import draft_again, draft_of, preview

DROP = "all outputs go to their failsafe state for 3.2 s (as last time{}) (relay)"


def effects(client: Client, release: Any) -> list[Effect]:
    return [Effect(**said) for said in client.get(f"/page/api/preview/{release.commit_id}").json()]


def test_a_draft_says_by_device_what_restarts_is_downloaded_drops_and_waits(house: House, client: Client) -> None:
    devices.pin(house.database, house.device("shed").id, house.first.id)

    said = effects(client, house.draft)

    assert said == [
        Effect(["attic", "cellar"], "restarts relay, web", "6,200 bytes of layers", DROP.format(", on hall")),
        Effect(["garage"], "starts hub, relay, web", "41,006,200 bytes of layers", "outputs stay", "", "offline"),
        Effect(
            *(["hall"], "restarts relay, web", "6,200 bytes of layers"),
            *(DROP.format(""), "relay holds an update lock: siren pulses"),
        ),
        Effect(["shed"], "pinned, stays as it is"),
    ]


def test_it_is_what_the_command_says_of_the_same_build(house: House) -> None:
    configs = {"web": house.config(b"system", b"web 3"), "relay": house.config(b"system", b"relay 2")}
    built = draft_of(house.draft.commit_id, {"services": SERVICES}, {**configs, "hub": house.config(b"system")})

    kept = draft_again(house.database, house.draft)

    assert kept == built
    assert lines(preview(house.home, house.database, kept, lambda _base: 612, house.now))[0].startswith(
        "attic, cellar: restarts relay, web; 612 bytes; all outputs go"
    )


def test_deltas_that_are_missing_are_made_first_and_each_once(home: Any) -> None:
    made = []

    async def make(base: str, target: str) -> None:
        made.append((base, target))
        home.delta(base, target).write_bytes(bytes(612))

    with serving(home, mounts=[routes.mount], make_delta=make) as fleet:
        house, client = House(fleet), Client(fleet)
        client.log_in(house.token)
        first, again = effects(client, house.draft), effects(client, house.draft)

    assert made == [(one.commit_id, house.draft.commit_id) for one in (house.first, house.second)]
    assert first == again
    assert {name: one.download for one in first for name in one.devices} == {
        **dict.fromkeys(("attic", "cellar", "hall", "shed"), "612 bytes"),
        "garage": "41,006,200 bytes of layers",
    }


def test_nothing_is_said_of_devices_that_run_it(house: House, client: Client) -> None:
    assert sorted(name for one in effects(client, house.second) for name in one.devices) == [
        *("attic", "cellar", "garage", "shed")
    ]


@pytest.mark.parametrize("status", ["unknown", "failed"])
def test_of_what_was_not_built_nothing_is_said(house: House, client: Client, status: str) -> None:
    failed = releases.begin(house.database, "0.2.0", time.time())
    releases.fail(house.database, failed.id, time.time())

    answer = client.get(f"/page/api/preview/{failed.commit_id if status == 'failed' else '0' * 32}")

    assert (answer.status_code, answer.text) == (400, "there are no images of this release")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_a_draft_that_was_pushed_the_page_has_the_figures_of_the_command(
    tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    town = pushing.House(tmp_path, engine)
    town.commit(pushing.PROJECT)
    town.push()
    with pushing.opened(town.home) as database:
        hall = devices.register(database, uuid="a" * 32, name="hall", device_type="x", key=keys.new_key(), now=0.0)
        devices.heard(database, [devices.Contact(hall.id, time.time(), time.time() + 3600)])
        devices.save_running(database, hall.id, town.releases()[0].commit_id)
        token = keys.give_out(database, keys.PERSON, "anna")
    town.commit({"hub/hub.py": "".join(f"another {number}\n" for number in range(300))})
    monkeypatch.chdir(town.copy)
    capsys.readouterr()

    assert main(["--fleet", str(town.home.folder), "preview"]) == 0
    commanded = capsys.readouterr().out.strip()
    town.push("-o", "draft")
    with serving(town.home, mounts=[routes.mount], make_delta=partial(make_apart, town.home)) as fleet:
        client = Client(fleet)
        client.log_in(token)
        [effect] = effects(client, town.releases()[0])

    assert commanded == f"{effect.devices[0]}: {'; '.join(filter(None, effect[1:]))}"
    assert commanded.startswith("hall: restarts hub; ")
    assert commanded.endswith(" bytes")
