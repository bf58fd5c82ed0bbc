"""Deltas of a fleet: made once, whoever asks, and whole or not at all."""

import hashlib
import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from picket_fleet import home as homes
from picket_fleet.build import deltas
from picket_fleet.build.collect import KEPT, collect
from picket_fleet.build.normalise import config
from picket_fleet.deltas.apply import Delta
from picket_fleet.deltas.layers import TarLayer
from picket_fleet.errors import FleetError
from picket_fleet.home import Configuration, Home
from picket_fleet.store import devices, fleet, images, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Build, Release
from picket_fleet.zstandard import zstd


class Built:
    """A fleet whose releases are made by hand."""

    def __init__(self, folder: Path) -> None:
        self.home: Home = homes.create(folder, Configuration("house", "generic-amd64", "https://house:1"))
        self.database: Database = self.home.database()
        self.now = 1000.0

    def layer(self, text: str) -> str:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            member = tarfile.TarInfo("file")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        diff_id = hashlib.sha256(out.getvalue()).hexdigest()
        self.home.layer(diff_id).write_bytes(zstd.compress(out.getvalue()))
        (self.home.layers / f"{diff_id[::-1]}.is").write_text(diff_id)
        return diff_id

    def release(self, *texts: str, is_draft: bool = False) -> Release:
        """Add a release with a service for each text, a layer of its own and one that all have."""
        self.now += 1
        configs = {
            f"service-{index}": config(
                {"Architecture": "amd64", "Os": "linux", "Config": {}}, [self.layer("base\n" * 500), self.layer(text)]
            )
            for index, text in enumerate(texts)
        }
        begun = releases.begin(self.database, "1.0.0", self.now)
        build = Build({"services": {}}, configs, is_draft=is_draft)
        return releases.publish(self.database, begun.id, build, self.home.sign, self.now)

    def device(self, name: str, running: Release) -> int:
        found = devices.register(
            self.database, uuid=name, name=name, device_type="generic-amd64", key=name, now=self.now
        )
        devices.save_running(self.database, found.id, running.commit_id)
        return found.id

    def here(self, release: Release) -> bool:
        """Tell whether a device could still be given a release."""
        if not images.of(self.database, release.id):
            return False
        found = deltas.images_of(self.database, release.commit_id)
        return all(self.home.layer(diff_id).exists() for image in found for diff_id in image.layers)


@pytest.fixture
def built(tmp_path: Path) -> Built:
    return Built(tmp_path / "fleet")


def test_a_delta_leads_from_one_release_to_the_other(built: Built, tmp_path: Path) -> None:
    old, new = built.release("one", "two"), built.release("one", "three")

    path = deltas.make_delta(built.home, old.commit_id, new.commit_id)

    base = deltas.images_of(built.database, old.commit_id)
    delta = Delta(path.read_bytes(), base)
    layers = deltas.Layers(built.home)

    def opened(diff_id: str) -> TarLayer:
        layers.unpack(diff_id, tmp_path / diff_id)
        return TarLayer(tmp_path / diff_id)

    assert [hashlib.sha256(b"".join(delta.rebuild(layer, opened))).hexdigest() for layer in delta.layers] == [
        built.layer("three")
    ]
    assert delta.images == deltas.images_of(built.database, new.commit_id)


def test_many_who_ask_at_once_get_one_delta(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = built.release("one"), built.release("two")
    made = []
    make = deltas.make
    monkeypatch.setattr(deltas, "make", lambda *given: made.append(1) or make(*given))

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: deltas.make_delta(built.home, old.commit_id, new.commit_id), range(4)))

    assert len(paths) == len(made) == 1
    assert list(built.home.builds.glob("delta-*")) == []


def test_what_a_killed_one_left_is_swept(built: Built) -> None:
    old, new = built.release("one"), built.release("two")
    (built.home.builds / "delta-killed").mkdir()
    (built.home.deltas / ".new").write_bytes(b"half")

    deltas.make_delta(built.home, old.commit_id, new.commit_id)

    assert sorted(path.name for path in built.home.builds.iterdir()) == []
    assert sorted(path.name for path in built.home.deltas.iterdir()) == [".lock", f"{old.commit_id}-{new.commit_id}"]


@pytest.mark.parametrize("harm", ["gone", "damaged", "other"])
def test_a_layer_that_is_not_what_it_was_is_told(built: Built, harm: str) -> None:
    old, new = built.release("one"), built.release("two")
    file = built.home.layer(built.layer("two"))
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(b"no zstd" if harm == "damaged" else zstd.compress(b"another"))

    with pytest.raises(FleetError, match=r"can't be read|is damaged"):
        deltas.make_delta(built.home, old.commit_id, new.commit_id)
    assert not built.home.delta(old.commit_id, new.commit_id).exists()
    built.layer("two")  # as the next build does
    assert deltas.make_delta(built.home, old.commit_id, new.commit_id).exists()


def test_what_nothing_needs_goes_and_what_is_needed_stays(built: Built) -> None:
    run, pinned_device, pinned_fleet, forgotten = (built.release(text) for text in ("run", "device", "fleet", "none"))
    built.device("hall", run)
    devices.pin(built.database, built.device("attic", run), pinned_device.id)
    fleet.pin(built.database, pinned_fleet.id)
    draft = built.release("draft", is_draft=True)
    last = [built.release(f"last {number}") for number in range(KEPT)]
    deltas.make_delta(built.home, forgotten.commit_id, run.commit_id)
    kept = deltas.make_delta(built.home, run.commit_id, last[-1].commit_id)
    layer = built.layer("none")
    failed = releases.begin(built.database, "1.0.0", built.now)
    releases.fail(built.database, failed.id, built.now)

    assert collect(built.home, built.database) == 2

    assert all(built.here(release) for release in (run, pinned_device, pinned_fleet, *last))
    assert not built.here(forgotten)
    assert not built.here(draft)
    assert releases.get(built.database, forgotten.id).is_invalidated
    assert not built.home.layer(layer).exists()
    assert [path.name for path in built.home.deltas.glob("*-*")] == [kept.name]
    assert collect(built.home, built.database) == 0


def test_what_one_would_go_back_to_stays_however_many_are_invalid(built: Built) -> None:
    good = built.release("good")
    for number in range(2 * KEPT):
        releases.invalidate(built.database, built.release(f"bad {number}").id)

    collect(built.home, built.database)

    assert built.here(good)
    assert releases.target_of(built.database, None) == good


def test_a_release_that_went_can_be_neither_pinned_nor_followed(built: Built) -> None:
    gone = built.release("gone")
    for number in range(KEPT):
        built.release(f"{number}")

    collect(built.home, built.database)

    with pytest.raises(FleetError):
        fleet.pin(built.database, gone.id)
    with pytest.raises(FleetError):
        releases.invalidate(built.database, gone.id, is_invalidated=False)
