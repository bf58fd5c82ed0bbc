"""What a source remembers over a restart."""

from pathlib import Path

import pytest

from picket_collectors.lifetime import Lifetime
from picket_collectors.source import Site
from picket_collectors.store import Store


def test_what_is_saved_is_there_after_a_restart(site: Site) -> None:
    Store(site).save({"laser_seconds": 12.5})

    assert Store(site).load() == {"laser_seconds": 12.5}


def test_two_things_are_remembered_each_for_itself(site: Site) -> None:
    Store(site, "port").save({"path": "/dev/ttyUSB0"})
    Store(site).save({"laser_seconds": 12.5})

    assert Store(site, "port").load() == {"path": "/dev/ttyUSB0"}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"], ids=["empty", "cut", "list", "binary"])
def test_a_broken_file_is_begun_anew(site: Site, content: bytes) -> None:
    file = Path(site.config.data_dir) / "collectors" / "air.json"
    file.parent.mkdir()
    file.write_bytes(content)

    assert Store(site).load() == {}


def test_a_write_that_is_cut_leaves_the_old_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(site)
    store.save({"laser_seconds": 1.0})

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    store.save({"laser_seconds": 2.0})

    assert store.load() == {"laser_seconds": 1.0}


def test_a_full_disk_is_said_once_and_its_end_too(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(site)
    caplog.set_level("INFO")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        store.save({"laser_seconds": 1.0})
        store.save({"laser_seconds": 2.0})
    store.save({"laser_seconds": 3.0})

    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_a_lifetime_is_counted_over_restarts(site: Site) -> None:
    before = Lifetime("laser", Store(site))
    before.on(100.0)
    before.off(160.0)
    before.off(900.0)

    after = Lifetime("laser", Store(site))
    after.on(0.0)
    after.on(20.0)
    after.count(30.0)

    assert after.seconds == 90.0


def test_a_lifetime_that_goes_on_is_saved_every_ten_minutes(site: Site) -> None:
    lifetime, saved = Lifetime("laser", Store(site)), []
    lifetime.on(0.0)

    for now in range(0, 1300, 10):
        lifetime.count(float(now))
        saved.append(Store(site).load()["laser_seconds"])

    assert sorted(set(saved)) == [0.0, 600.0, 1200.0]
