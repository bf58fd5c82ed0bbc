"""Our agent's question: held until there is something new, with the delta in the answer, and as the difference."""

import asyncio
import base64
import hashlib
import threading
import time
from typing import Any

import pytest

from picket_fleet.releases.manifest import verify
from picket_fleet.server import state
from picket_fleet.store import devices, variables
from picket_fleet.store.variables import Variable
from picket_fleet.zstandard import zstd


def test_a_release_comes_with_its_signed_manifest(fleet: Any) -> None:
    device = fleet.join("shed")
    assert fleet.ask(device).json()["release"] is None
    release = fleet.publish()

    answer = fleet.ask(device).json()

    announced = answer["release"]
    signed = announced["manifest"].encode(), base64.b64decode(announced["signature"])
    [app] = answer["state"][device.uuid]["apps"].values()
    assert announced["delta"] is None
    assert list(app["releases"]) == [announced["commit"]] == [release.commit_id]
    assert verify(signed[0], signed[1], fleet.home.public_key(), release.commit_id).version == "1.0.0"


def test_who_waits_hears_of_a_release_when_another_process_has_published_it(fleet: Any) -> None:
    device = fleet.join("shed")
    etag = fleet.ask(device).headers["ETag"]
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(fleet.ask(device, If_None_Match=etag, Picket_Wait="60")))
    began = time.monotonic()
    waiting.start()

    release = fleet.publish()
    waiting.join(50)

    assert answers[0].json()["release"]["commit"] == release.commit_id
    assert time.monotonic() - began < 50


def test_who_waits_in_vain_is_told_so(fleet: Any) -> None:
    device = fleet.join("shed")
    etag = fleet.ask(device).headers["ETag"]
    began = time.monotonic()

    answer = fleet.ask(device, If_None_Match=etag, Picket_Wait="0.3")

    assert (answer.status_code, answer.headers["ETag"]) == (304, etag)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("wait", ["-1", "nan", "0"])
def test_who_does_not_wait_is_answered_at_once(fleet: Any, wait: str) -> None:
    device = fleet.join("shed")
    etag = fleet.ask(device).headers["ETag"]

    assert fleet.ask(device, If_None_Match=etag, Picket_Wait=wait).status_code == 304


def test_a_server_that_stops_lets_the_waiting_go(home: Any, serve: Any, until: Any) -> None:
    answers: list[Any] = []
    with serve(home) as fleet:
        device = fleet.join("shed")
        etag = fleet.ask(device).headers["ETag"]
        waiting = threading.Thread(
            target=lambda: answers.append(fleet.ask(device, If_None_Match=etag, Picket_Wait="60"))
        )
        waiting.start()
        until(lambda: (devices.get(fleet.database, device.id).expected_at or 0) > time.time() + 70)
    waiting.join(30)

    assert [answer.status_code for answer in answers] == [304]


def test_a_removed_device_is_sent_away_from_where_it_waits(fleet: Any) -> None:
    device = fleet.join("shed")
    etag = fleet.ask(device).headers["ETag"]
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(fleet.ask(device, If_None_Match=etag, Picket_Wait="60")))
    waiting.start()

    devices.remove(fleet.database, device.id)
    waiting.join(30)

    assert [answer.status_code for answer in answers] == [401]


@pytest.mark.parametrize("size", [state.INLINE_BYTES, state.INLINE_BYTES + 1])
def test_a_small_delta_is_in_the_answer_and_a_large_one_is_to_be_fetched(fleet: Any, size: int) -> None:
    device = fleet.join("shed")
    base, target = fleet.publish(b"1"), fleet.publish(b"2")
    delta = bytes(size)
    fleet.home.delta(base.commit_id, target.commit_id).write_bytes(delta)

    offered = fleet.ask(device, Picket_Release=base.commit_id).json()["release"]["delta"]

    inline = base64.b64encode(delta).decode() if size <= state.INLINE_BYTES else None
    assert offered == {"base": base.commit_id, "size": size, "data": inline}
    assert fleet.call("GET", f"/delta/{base.commit_id}/{target.commit_id}", device.key).content == delta


def test_who_has_arrived_by_a_delta_has_nothing_new_to_hear(fleet: Any) -> None:
    device = fleet.join("shed")
    base, target = fleet.publish(b"1"), fleet.publish(b"2")
    fleet.home.delta(base.commit_id, target.commit_id).write_bytes(b"delta")
    etag = fleet.ask(device, Picket_Release=base.commit_id).headers["ETag"]

    arrived = fleet.ask(device, Picket_Release=target.commit_id, If_None_Match=etag)

    assert arrived.status_code == 304
    assert devices.get(fleet.database, device.id).running == target.commit_id


def test_a_missing_delta_is_made_once_for_all_who_wait(home: Any, serve: Any) -> None:
    made: list[tuple[str, str]] = []

    async def make(base: str, target: str) -> None:
        made.append((base, target))
        await asyncio.sleep(0.2)
        home.delta(base, target).write_bytes(b"delta")

    with serve(home, make_delta=make) as fleet:
        joined = [fleet.join(name) for name in ("shed", "gate")]
        base, target = fleet.publish(b"1"), fleet.publish(b"2")
        offers: list[Any] = []
        asking = [
            threading.Thread(
                target=lambda device=device: offers.append(
                    fleet.ask(device, Picket_Release=base.commit_id).json()["release"]["delta"]
                )
            )
            for device in joined
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(30)

    assert [offer["size"] for offer in offers] == [5, 5]
    assert made == [(base.commit_id, target.commit_id)]


def test_a_delta_that_can_not_be_made_keeps_nobody_from_the_release(home: Any, serve: Any) -> None:
    async def make(_base: str, _target: str) -> None:
        raise OSError("disk full")

    with serve(home, make_delta=make) as fleet:
        device = fleet.join("shed")
        base, target = fleet.publish(b"1"), fleet.publish(b"2")
        answer = fleet.ask(device, Picket_Release=base.commit_id).json()

    assert answer["release"]["commit"] == target.commit_id
    assert answer["release"]["delta"] is None


@pytest.mark.parametrize("running", ["c" * 32, "", "../../keys", "x" * 500])
def test_from_what_the_fleet_never_had_there_is_no_delta(fleet: Any, running: str) -> None:
    device = fleet.join("shed")
    fleet.publish(b"1")

    assert fleet.ask(device, Picket_Release=running).json()["release"]["delta"] is None


def test_a_restart_that_was_asked_for_reaches_who_waits(fleet: Any) -> None:
    device = fleet.join("shed")
    first = fleet.ask(device)
    assert first.json()["restarts"] == {}

    devices.restart(fleet.database, device.id, "web")

    assert fleet.ask(device, If_None_Match=first.headers["ETag"], Picket_Wait="60").json()["restarts"] == {"web": 1}


def test_the_next_answer_is_the_difference_to_the_last(fleet: Any) -> None:
    device = fleet.join("shed")
    variables.put(fleet.database, Variable(None, "", "LEVEL", "1"))
    services = tuple(f"service-{number}" for number in range(10))
    composition = {
        "services": {name: {"restart": "always", "environment": {"NAME": name}} for name in services},
    }
    fleet.publish(b"1", services=services, composition=composition)
    before = fleet.ask(device, Accept_Encoding="dcz, identity").content
    digest = base64.b64encode(hashlib.sha256(before).digest()).decode()
    fleet.publish(b"2", services=services, composition=composition)

    second = fleet.ask(device, Accept_Encoding="dcz, zstd", Available_Dictionary=f":{digest}:")

    assert second.headers["Content-Encoding"] == "dcz"
    frame = second.content[40:]
    prefix = zstd.ZstdDict(before, is_raw=True).as_prefix
    assert second.content[:40] == bytes.fromhex("5e2a4d1820000000") + hashlib.sha256(before).digest()
    assert zstd.decompress(frame, zstd_dict=prefix) == fleet.ask(device, Accept_Encoding="identity").content
    assert len(second.content) < 900


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("identity", None), ("gzip, deflate", "gzip"), ("zstd", "zstd"), ("gzip;q=0", None), ("dcz, gzip", "gzip")],
)
def test_an_answer_is_as_small_as_the_client_can_read(fleet: Any, accepted: str, encoding: str | None) -> None:
    device = fleet.join("shed")
    fleet.publish()

    answer = fleet.ask(device, Accept_Encoding=accepted)

    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.json()["release"] is not None
