"""Host telemetry: boards as their sysfs shows them, flags that come and go, and the machine that runs the test."""

import json
import logging
import os
import subprocess
import sys
import time as wall
from pathlib import Path
from typing import Any

import psutil
import pytest

from picket_collectors.edges import SAVE_SECONDS, Edges
from picket_collectors.kernel import Counters, counters, rates
from picket_collectors.source import Site, Stopped
from picket_collectors.sources.host import COUNTED, RANGES, Config, Host
from picket_collectors.storage import described, disk_of
from picket_collectors.store import Store

CASES = sorted((Path(__file__).parent / "golden" / "host").iterdir())
EVERY_30_S = Config(interval_seconds=30)
OF_THE_DATA_FOLDER = {"disk_used_percent", "filesystem_read_only"}
OUR_COUNTS = {"under_voltage_count", "throttled_count"}


def plant(tree: str, root: Path) -> None:
    """Make the files that a text describes: `path: content`, or `path:` and indented lines."""
    files: dict[str, list[str]] = {}
    path = ""
    for line in tree.splitlines():
        if line.startswith("  "):
            files[path].append(line[2:])
        elif line and not line.startswith("#"):
            path, _, content = line.partition(": ")
            path = path.removesuffix(":")
            files[path] = [content] if content else []
    for path, lines in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def host_of(root: Path, site: Site, config: Config = EVERY_30_S) -> Host:
    return Host(config, site, root / "sys", root / "proc")


def read(host: Host) -> dict[str, float | None]:
    """Return the next reading."""
    while not (parts := host.receive()):
        pass
    (part,) = parts
    assert (part.name, part.kind) == ("", "host")
    return dict(part.values)


# Boards


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_board_is_read_without_a_line_of_code_for_it(case: Path, tmp_path: Path, site: Site) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    plant((case / "tree.txt").read_text(encoding="utf-8"), tmp_path)

    values = read(host_of(tmp_path, site))

    assert set(values) == set(RANGES)
    assert {name: values[name] for name in expected} == pytest.approx(expected)
    assert set(values) - set(expected) == OF_THE_DATA_FOLDER | OUR_COUNTS
    for name, value in values.items():
        low, high = RANGES[name]
        assert value is None or low <= value <= high, name


def test_the_disk_is_that_of_the_data_folder_though_another_one_comes_first(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    disk, other = tmp_path / "sys/devices/pci0/nvme0n1", tmp_path / "sys/block/mmcblk0/device"
    (disk / "nvme0n1p2").mkdir(parents=True)
    (disk / "nvme0n1p2/partition").write_text("2")
    other.mkdir(parents=True)
    links = tmp_path / "sys/dev/block"
    links.mkdir(parents=True)
    (links / f"{os.major(device)}:{os.minor(device)}").symlink_to(disk / "nvme0n1p2")

    assert disk_of(tmp_path / "sys", str(tmp_path)) == disk
    assert disk_of(tmp_path / "sys", "/nowhere") == other.parent


def test_what_disk_it_is_stands_in_the_log(tmp_path: Path, site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    plant((CASES[0].parent / "raspberry-pi-3" / "tree.txt").read_text(encoding="utf-8"), tmp_path)

    host_of(tmp_path, site)

    assert caplog.messages == ["the data folder is on mmcblk0 (SD SC32G 03/2021)"]
    assert described(tmp_path / "sys/block/loop0") == "loop0"


# Flags


class Pi:
    """A Raspberry Pi's flags, which a test sets."""

    def __init__(self, root: Path) -> None:
        self._file = root / "sys/bus/platform/drivers/raspberrypi-firmware/soc/get_throttled"
        self._file.parent.mkdir(parents=True)
        self.say(0)

    def say(self, bits: int) -> None:
        self._file.write_text(f"{bits:x}\n")


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def test_a_dip_between_two_readings_is_counted_and_told_at_once(tmp_path: Path, site: Site, time: Any, pi: Pi) -> None:
    host, began, told = host_of(tmp_path, site), time.now, []
    for second in range(0, 62, 2):
        pi.say(0x50005 if second == 10 else 0x50000)
        told += [(time.now - began, dict(part.values)) for part in host.receive()]

    flags = [(at, values["under_voltage"], values["under_voltage_count"]) for at, values in told]
    assert flags == [(0, 0, 0), (10, 1, 1), (12, 0, 1), (30, 0, 1), (60, 0, 1)]
    assert told[-1][1]["throttled_count"] == 1


def test_the_grid_of_readings_is_kept(tmp_path: Path, site: Site, time: Any, pi: Pi) -> None:
    host, began, read_at = host_of(tmp_path, site, Config(interval_seconds=5)), time.now, []
    while time.now < began + 20:
        pi.say(int(time.now - began) // 7)
        read_at += [time.now - began for _ in host.receive()]
        time.now += 0.01  # it takes its time

    assert read_at == [0, 5, pytest.approx(9, abs=0.1), 10, 15, 20]


def test_a_board_without_flags_counts_nothing(tmp_path: Path, site: Site) -> None:
    values = read(host_of(tmp_path, site))

    assert {values[f"{name}_count"] for name in COUNTED} == {None}


def edges_of(site: Site, *states: float | None, start: float = 0.0) -> Edges:
    edges = Edges(("under_voltage",), Store(site))
    for second, state in enumerate(states):
        edges.look({"under_voltage": state}, start + second)
    return edges


@pytest.mark.parametrize(
    ("states", "count"),
    [
        pytest.param((0, 1, 1, 0, 1), 2, id="beginnings-not-looks"),
        pytest.param((1,), 1, id="on-at-the-first-look"),
        pytest.param((1, None, 1, None, 0, 1), 2, id="not-known-is-neither-an-end-nor-a-beginning"),
        pytest.param((None, None), 0, id="never-known"),
    ],
)
def test_beginnings_are_counted(site: Site, states: tuple[float | None, ...], count: int) -> None:
    assert edges_of(site, *states).counts == {"under_voltage": count}


def test_counts_outlive_a_restart_and_what_goes_on_has_not_begun_anew(site: Site) -> None:
    first = edges_of(site, 0, 1, 0, 1)
    first.save(10.0)

    assert edges_of(site, 1).counts == {"under_voltage": 2}
    assert edges_of(site, 0, 1).counts == {"under_voltage": 3}


def test_a_memory_card_is_spared(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = []
    monkeypatch.setattr(Store, "save", lambda _self, memory: saved.append(memory))

    edges = edges_of(site, *[second % 2 for second in range(int(2 * SAVE_SECONDS))])

    assert len(saved) <= 3
    edges.save(5000.0)
    edges.save(5001.0)
    assert len(saved) <= 4
    assert saved[-1]["under_voltage_count"] == SAVE_SECONDS


def test_closing_keeps_what_was_counted(tmp_path: Path, site: Site, pi: Pi) -> None:
    host = host_of(tmp_path, site)
    read(host)
    pi.say(1)
    read(host)
    host.close()

    assert read(host_of(tmp_path, site))["under_voltage_count"] == 1


def test_waiting_for_the_next_look_can_be_ended(tmp_path: Path, site: Site, time: Any) -> None:
    host = host_of(tmp_path, site)
    read(host)
    time.stop_at = time.now + 1

    with pytest.raises(Stopped):
        host.receive()


# Rates

DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 9000 1 0 0 0 0 0 0 9000 1 0 0 0 0 0 0
  eth0: 1000 1 0 0 0 0 0 0 200 1 0 0 0 0 0 0
wlan0:500 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0
"""


def test_traffic_within_the_machine_and_the_time_of_guests_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/dev").write_text(DEV)
    (tmp_path / "stat").write_text("cpu  100 10 50 800 40 5 5 20 100 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n")

    assert counters(tmp_path, 10.0) == Counters(10.0, busy_ticks=190, ticks=1030, received=1500, sent=230)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(None, Counters(10, 5, 10, 500, 0), (None, None), id="first"),
        pytest.param(Counters(0, 0, 0, 100, 0), None, (None, None), id="not-known-now"),
        pytest.param(Counters(0, 10, 100, 100, 0), Counters(10, 35, 200, 600, 0), (25.0, 50.0), id="flowing"),
        pytest.param(Counters(0, 10, 100, 100, 0), Counters(10, 10, 200, 100, 0), (0.0, 0.0), id="idle"),
        pytest.param(Counters(0, 1, 10, 9000, 0), Counters(10, 2, 20, 20, 0), (10.0, None), id="an-interface-went"),
        pytest.param(Counters(10, 1, 10, 100, 0), Counters(10, 1, 10, 200, 0), (None, None), id="no-time-passed"),
        pytest.param(Counters(0, 50, 100, 0, 0), Counters(1, 40, 200, 0, 0), (0.0, 0.0), id="ticks-that-went-back"),
    ],
)
def test_rates(before: Counters | None, now: Counters | None, expected: tuple[float | None, float | None]) -> None:
    found = rates(before, now)

    assert (found["cpu_percent"], found["network_received_bytes_per_second"]) == expected


# The machine that runs the test


def test_this_machine_is_read_as_another_library_reads_it(site: Site, time: Any) -> None:
    host = Host(EVERY_30_S, site)
    read(host)
    time.now += 30

    values = read(host)

    memory, disk = psutil.virtual_memory(), psutil.disk_usage(site.config.data_dir)
    assert values["memory_used_percent"] == pytest.approx(memory.percent, abs=5)
    assert values["memory_available_mb"] == pytest.approx(memory.available / 1e6, rel=0.2)
    assert values["disk_used_percent"] == pytest.approx(disk.percent, abs=1)
    assert values["filesystem_read_only"] == 0
    assert values["load_1m"] == pytest.approx(psutil.getloadavg()[0], abs=2)
    assert values["uptime_seconds"] == pytest.approx(wall.time() - psutil.boot_time(), abs=60)
    assert 0 <= (values["cpu_percent"] or 0) <= 100
    assert values["network_received_bytes_per_second"] is not None


def test_a_data_folder_that_is_not_there_yet_costs_its_figures_only(site: Site) -> None:
    elsewhere = site._replace(config=type(site.config)(device="demo", data_dir="/nowhere"))

    values = read(Host(EVERY_30_S, elsewhere))

    assert values["disk_used_percent"] is values["filesystem_read_only"] is None
    assert values["load_1m"] is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_nobody_reads_what_root_reads(site: Site) -> None:
    program = (
        "import os; from pathlib import Path; from picket_collectors import kernel, board, storage\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "proc, sys_ = Path('/proc'), Path('/sys')\n"
        "values = {**kernel.machine(proc), **board.board(sys_), **board.flags(sys_)}\n"
        "values.update(storage.storage(sys_, '/', 1e5))\n"
        "print(kernel.counters(proc, 0) is not None, *(name for name, value in values.items() if value is not None))\n"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    known = {name for name, value in read(Host(EVERY_30_S, site)).items() if value is not None}
    assert told[0] == "True"
    assert known - set(told[1:]) == set()
