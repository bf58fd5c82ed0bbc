"""Layers, deltas and configs: whole, by range, and only those of releases."""

from typing import Any

import pytest

from picket_fleet.store import images

PACKED = bytes(range(256)) * 40


@pytest.fixture
def layer(fleet: Any) -> tuple[Any, str]:
    """Return a device, and where the layer of a release is."""
    device = fleet.join("shed")
    release = fleet.publish(b"layer")
    [diff_id] = images.layers_of(fleet.database, release.id)
    fleet.home.layer(diff_id).write_bytes(PACKED)
    return device, f"/layer/{diff_id}"


def test_a_download_goes_on_where_it_broke_off(fleet: Any, layer: tuple[Any, str]) -> None:
    device, path = layer
    first = fleet.call("GET", path, device.key)

    rest = fleet.call("GET", path, device.key, headers={"Range": "bytes=10000-"})
    same = {"Range": "bytes=10000-", "If-Range": first.headers["ETag"]}

    assert (first.status_code, first.content) == (200, PACKED)
    assert (rest.status_code, rest.content) == (206, PACKED[10_000:])
    assert rest.headers["Content-Range"] == f"bytes 10000-{len(PACKED) - 1}/{len(PACKED)}"
    assert fleet.call("GET", path, device.key, headers=same).status_code == 206


def test_a_range_beyond_the_end_is_refused(fleet: Any, layer: tuple[Any, str]) -> None:
    device, path = layer

    answer = fleet.call("GET", path, device.key, headers={"Range": f"bytes={len(PACKED)}-"})

    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(PACKED)}")


def test_a_config_is_the_engines_byte_for_byte(fleet: Any) -> None:
    device = fleet.join("shed")
    [image] = images.of(fleet.database, fleet.publish().id)

    answer = fleet.call("GET", f"/config/{image.image_id}", device.key)

    assert answer.content == images.config(fleet.database, image.image_id)


def test_what_is_not_there_is_not_found(fleet: Any, layer: tuple[Any, str]) -> None:
    device, path = layer
    fleet.home.layer(path.rpartition("/")[2]).unlink()

    for missing in (path, f"/config/{'0' * 64}", f"/delta/{'b' * 32}/{'c' * 32}"):
        assert fleet.call("GET", missing, device.key).status_code == 404
