"""Releases: built, numbered, signed, followed, pinned, taken back."""

import hashlib
import json

import msgspec
import pytest

from picket_fleet.errors import FleetError
from picket_fleet.releases.manifest import Manifest
from picket_fleet.store import devices, fleet, images, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Build, Release


def config(*layers: str) -> bytes:
    return json.dumps({"rootfs": {"diff_ids": [f"sha256:{layer}" for layer in layers]}}).encode()


def release(database: Database, now: float, semver: str = "0.1.0", **build: object) -> Release:
    begun = releases.begin(database, semver, now)
    built = Build({}, {"web": config("1" * 64), "sensor": config("1" * 64, "2" * 64)}, **build)  # type: ignore[arg-type]
    return releases.publish(database, begun.id, built, lambda data: hashlib.sha256(data).digest(), now + 1)


def test_a_release_is_numbered_and_signed_when_it_is_built(database: Database) -> None:
    first, second = release(database, 10.0), release(database, 20.0)

    announcement = releases.announcement(database, second.id)

    assert (first.version, second.version) == ("0.1.0", "0.1.0+rev1")
    assert announcement is not None
    assert announcement.signature == hashlib.sha256(announcement.manifest).digest()
    assert msgspec.json.decode(announcement.manifest, type=Manifest) == Manifest(
        second.commit_id,
        "0.1.0+rev1",
        {
            "web": hashlib.sha256(config("1" * 64)).hexdigest(),
            "sensor": hashlib.sha256(config("1" * 64, "2" * 64)).hexdigest(),
        },
    )


def test_a_failed_build_leaves_the_fleet_and_the_numbers_as_they_were(database: Database) -> None:
    first = release(database, 10.0)
    broken = releases.begin(database, "0.1.0", 20.0)
    releases.fail(database, broken.id, 21.0)

    assert releases.target_of(database, None) == first
    assert releases.get(database, broken.id).status == "failed"
    assert release(database, 30.0).version == "0.1.0+rev1"


def test_a_draft_is_followed_once_it_is_final_and_signed_anew(database: Database) -> None:
    first, draft = release(database, 10.0), release(database, 20.0, is_draft=True)
    assert releases.target_of(database, None) == first

    final = releases.finalise(database, draft.id, bytes.hex)  # type: ignore[arg-type]

    assert (draft.version, final.version) == ("0.1.0-20000", "0.1.0+rev1")
    assert releases.target_of(database, None) == final
    announcement = releases.announcement(database, final.id)
    assert announcement and b"0.1.0+rev1" in announcement.manifest
    with pytest.raises(FleetError, match="not a draft"):
        releases.finalise(database, final.id, lambda data: data)


def test_an_image_is_its_own_in_every_release(database: Database) -> None:
    first, second = release(database, 10.0), release(database, 20.0)

    before, after = images.of(database, first.id), images.of(database, second.id)

    assert [image.service for image in before] == ["sensor", "web"]
    assert [image.image_id for image in before] == [image.image_id for image in after]
    assert not {image.location for image in before} & {image.location for image in after}
    assert not {image.id for image in before} & {image.id for image in after}


def test_layers_and_configs_of_what_was_built_are_known(database: Database) -> None:
    built = images.of(database, release(database, 10.0).id)

    assert images.config(database, built[0].image_id) == config("1" * 64, "2" * 64)
    assert images.layers(database) == {"1" * 64, "2" * 64}
    assert images.has_layer(database, "2" * 64)
    assert not images.has_layer(database, "3" * 64)
    assert images.config(database, "3" * 64) is None


def test_a_pin_holds_and_an_invalid_release_is_not_followed(database: Database) -> None:
    first, second, third = (release(database, now) for now in (10.0, 20.0, 30.0))
    device = devices.register(database, uuid="a" * 32, name="shed", device_type="x", key="k", now=0)

    releases.invalidate(database, third.id)
    assert releases.target_of(database, device) == releases.get(database, second.id)
    fleet.pin(database, first.id)
    assert releases.target_of(database, device) == first
    devices.pin(database, device.id, third.id)
    pinned = releases.target_of(database, devices.get(database, device.id))
    assert pinned is not None
    assert pinned.id == third.id


def test_only_what_was_built_is_pinned(database: Database) -> None:
    broken = releases.begin(database, "0.1.0", 10.0)

    with pytest.raises(FleetError, match="only a release that was built"):
        fleet.pin(database, broken.id)
    with pytest.raises(FleetError, match="only a release that was built"):
        fleet.pin(database, 99)


def test_a_fleet_rolls_back_to_the_good_release_before(database: Database) -> None:
    first = release(database, 10.0)
    releases.fail(database, releases.begin(database, "0.1.0", 15.0).id, 16.0)
    second = release(database, 20.0)

    assert releases.previous(database) == first
    fleet.pin(database, first.id)
    assert releases.previous(database) is None
    assert second.id != first.id


def test_a_release_is_found_by_version_commit_and_as_the_latest(database: Database) -> None:
    first, second = release(database, 10.0), release(database, 20.0)

    assert releases.find(database, "0.1.0") == first
    assert releases.find(database, second.commit_id[:8]) == second
    assert releases.find(database, "latest") == second
    with pytest.raises(FleetError, match="no such release"):
        releases.find(database, "9.9.9")


def test_the_bases_of_deltas_are_what_devices_run(database: Database) -> None:
    first = release(database, 10.0)
    release(database, 20.0)
    device = devices.register(database, uuid="a" * 32, name="shed", device_type="x", key="k", now=0)
    devices.save_running(database, device.id, first.commit_id)

    assert releases.running(database) == [first]


def test_a_publication_that_fails_changes_nothing(database: Database) -> None:
    begun = releases.begin(database, "0.1.0", 10.0)

    def broken(_data: bytes) -> bytes:
        raise OSError("no key")

    with pytest.raises(OSError, match="no key"):
        releases.publish(database, begun.id, Build({}, {"web": config("1" * 64)}), broken, 11.0)

    assert releases.get(database, begun.id) == begun
    assert images.of(database, begun.id) == []
    assert images.layers(database) == set()


def test_a_commit_id_never_looks_like_a_number() -> None:
    drawn = ["1" * 32, "1" * 10 + "e" + "2" * 21, "e" * 32, "a" * 32]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda _bytes: drawn.pop(0))
        assert releases.new_commit_id() == "e" * 32


@pytest.mark.parametrize("name", ["a b", "", "io.balena.x"])
def test_a_tag_that_balena_refuses_is_refused(database: Database, name: str) -> None:
    with pytest.raises(FleetError, match="a tag has no spaces"):
        releases.tag(database, 1, name, "x")


def test_a_release_is_followed_although_the_clock_was_set_back_before_it(database: Database) -> None:
    release(database, 10_000.0)

    later = release(database, 20.0)
    drafts = [release(database, 21.0, is_draft=True) for _ in range(2)]

    assert releases.target_of(database, None) == later
    assert [releases.find(database, draft.version) for draft in drafts] == drafts
