"""A real full disk: a small file system that something else fills."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from picket.bus.journal import Query
from picket.messages import Fault, Reading
from picket_hub.folder import disk_bytes
from picket_hub.jobs import Appended, Committed, Report, Said
from picket_hub.journal import Journal
from picket_hub.keeper import Keeper
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(params=[4, 24], ids=lambda megabytes: f"{megabytes} MB")
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small file system; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path) -> Path:
    """Take all that is left of a file system, to the last byte."""
    filling = disk / "filling"
    with filling.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 65_536)
    with filling.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x")
    return filling


def message(seq: int, topic: str, size: int = 300) -> Appended:
    return Appended("p:1", seq, topic, b"x" * size, seq)


class Kept:
    """A keeper on this thread: `do` has it work through what it was given."""

    def __init__(self, disk: Path) -> None:
        self.reports: list[Report] = []
        self.journal = Journal(disk / "data" / "journal.sqlite", max_megabytes=200, max_days=3650)
        self.failures: list[BaseException] = []
        self.keeper = Keeper(self.journal, self.reports.append, self.failures.append)
        self.keeper.start()
        self.seq = 0

    def put(self, *topics: str) -> None:
        for topic in topics:
            self.seq += 1
            self.keeper.put(message(self.seq, topic))

    def committed(self) -> int:
        return sum(len(report.messages) for report in self.reports if isinstance(report, Committed))

    def said(self, subject: str) -> list[str]:
        return [report.text for report in self.reports if isinstance(report, Said) and report.subject == subject]

    def close(self) -> None:
        self.keeper.put(None)
        self.keeper.join(60)
        assert self.failures == []


def test_on_a_full_disk_events_displace_readings_and_none_is_lost(disk: Path) -> None:
    kept = Kept(disk)
    kept.put(*["reading.air"] * 3000)
    wait_for("the commits", lambda: kept.committed() == 3000)
    filling = fill(disk)
    before = disk_bytes(disk / "data" / "journal.sqlite")

    kept.put(*["event.input.hall", *["reading.air"] * 6] * 1000)
    wait_for("the commits", lambda: kept.committed() == 10_000, 120)
    wait_for("what is said", lambda: kept.said("disk space"))
    after = disk_bytes(disk / "data" / "journal.sqlite")
    filling.unlink()
    wait_for("the end of it", lambda: kept.said("disk space")[-1] == "")
    kept.put(*["event.input.hall"] * 5)
    wait_for("the commits", lambda: kept.committed() == 10_005)
    kept.close()

    journal = Journal(disk / "data" / "journal.sqlite", max_megabytes=200, max_days=3650)
    events, after_id = 0, 0
    while after_id < journal.newest:
        batch = journal.read(Query(topics=("event.",), after=after_id, limit=1000))
        events += len(batch.entries)
        after_id = batch.cursor
    assert events == 1005
    assert kept.journal.dropped.messages["readings"] > 0
    assert kept.journal.dropped.messages["events"] == 0
    assert len(kept.said("disk space")) == 2
    assert not journal.rescued
    assert after <= before + 2_000_000


def test_a_hub_starts_on_a_full_disk(disk: Path) -> None:
    kept = Kept(disk)
    kept.put(*["event.input.hall"] * 100)
    wait_for("the commits", lambda: kept.committed() == 100)
    kept.close()
    filling = fill(disk)

    kept = Kept(disk)
    kept.put(*["event.input.hall"] * 100)
    wait_for("the commits", lambda: kept.committed() == 100)
    kept.close()

    assert (kept.journal.unwritable, kept.journal.rescued) == ("", "")
    filling.unlink()
    assert (
        len(
            Journal(disk / "data" / "journal.sqlite", max_megabytes=200, max_days=3650)
            .read(Query(topics=("",), limit=1000))
            .entries
        )
        == 200
    )


def test_a_hub_that_has_no_byte_left_goes_on_live_says_so_and_catches_up(tmp_path: Path, disk: Path) -> None:
    with Release(tmp_path, data_dir=str(disk / "data")) as release:
        release.start_hub()
        producer = release.producer("p")
        wait_for("a way to the hub", lambda: producer.socket.poll(50, zmq.POLLOUT))
        filling = fill(disk)
        with release.hearing("fault.hub", "reading.", "event.") as heard:
            producer.publish("event.input.hall", Fault(time_ns=1, service="p", subject="s", state="begin", text="0"))
            wait_for("the live event", lambda: producer.tick() or heard())
            for number in range(500):
                producer.publish("reading.air", Reading(time_ns=number, source="air", kind="air", values={"n": 1.0}))
            wait_for("the fault", lambda: producer.tick() or [topic for topic, _ in heard() if topic == "fault.hub"])
            wait_for("the live messages", lambda: sum(topic == "reading.air" for topic, _ in heard()) == 500)
        filling.unlink()
        wait_for("the commits", lambda: producer.tick() or producer.pending == 0)

        assert len(release.journal("event.")) == 1
        assert release.processes["picket_hub"].poll() is None


@pytest.mark.parametrize("kind", ["a file in the way", "not to be written"])
def test_without_a_folder_the_journal_is_in_memory_and_says_why(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    if kind == "a file in the way":
        folder.write_text("")
    else:
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("a read-only file system can't be mounted here")
    try:
        journal = Journal(folder / "journal.sqlite", max_megabytes=20, max_days=90)
        for first in range(1, 80_000, 500):
            journal.append([message(first + n, "reading.air") for n in range(500)])
            journal.keep_bounds(now=first)
        journal.append([message(80_001, "event.input.hall")])
        found = journal.read(Query(topics=("event.",), last=1)).entries
    finally:
        if os.path.ismount(folder):
            subprocess.run(["umount", "-l", folder], check=True)

    assert "in memory" in journal.unwritable and str(folder) in journal.unwritable
    assert len(found) == 1
