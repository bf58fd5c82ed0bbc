"""Host telemetry: sysfs as boards have it, and the machine that runs the test."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from picket_collectors.source import Site
from picket_collectors.sources.host import RANGES, Host, Traffic, board, rate, traffic

CASES = sorted((Path(__file__).parent / "golden" / "host").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_board_is_read_from_sysfs(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))

    assert board(case / "sys") == expected


def test_every_value_is_there_and_plausible_or_unknown(site: Site, time: Any, tmp_path: Path) -> None:
    host = Host(site, sys_root=str(tmp_path))
    host.sample()
    time.now += 10

    values = host.sample()

    assert set(values) == set(RANGES)
    for name, value in values.items():
        low, high = RANGES[name]
        assert value is None or low <= value <= high, name
    assert {name for name, value in values.items() if value is None} == {
        "temperature_c",
        "cpu_frequency_mhz",
        "under_voltage",
    }


def test_rates_are_unknown_at_first(site: Site) -> None:
    values = Host(site).sample()

    assert values["cpu_percent"] is None
    assert values["network_sent_bytes_per_second"] is None


def test_memory_is_what_the_kernel_says(site: Site) -> None:
    kilobytes = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    available = int(kilobytes["MemAvailable"].split()[0]) * 1024 / 1e6

    assert Host(site).sample()["memory_available_mb"] == pytest.approx(available, rel=0.2)


def test_the_disk_is_the_data_folder_s(site: Site) -> None:
    disk = os.statvfs(site.config.data_dir)
    used = disk.f_blocks - disk.f_bfree

    assert Host(site).sample()["disk_used_percent"] == pytest.approx(100 * used / (used + disk.f_bavail), abs=1)


def test_a_data_folder_that_is_not_there_yet_costs_its_figure_only(site: Site) -> None:
    values = Host(site._replace(config=type(site.config)(device="demo", data_dir="/nowhere"))).sample()

    assert values["disk_used_percent"] is None
    assert values["load_1m"] is not None


def test_traffic_within_the_machine_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interfaces = [
        ("lo", 9000, 9000),
        ("eth0", 1000, 200),
        ("wlan0", 500, 30),
    ]
    rows = [f"{name}: {received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0\n" for name, received, sent in interfaces]
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text("Inter-|\n face |\n" + "".join(rows), encoding="ascii")
    monkeypatch.setattr("psutil.PROCFS_PATH", str(tmp_path))

    assert traffic(10.0) == Traffic(10.0, received=1500, sent=230)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param(None, Traffic(10, 500, 0), None, id="first"),
        pytest.param(Traffic(0, 100, 0), Traffic(10, 600, 0), 50.0, id="flowing"),
        pytest.param(Traffic(0, 100, 0), Traffic(10, 100, 0), 0.0, id="idle"),
        pytest.param(Traffic(0, 9000, 0), Traffic(10, 20, 0), None, id="an-interface-went"),
        pytest.param(Traffic(10, 100, 0), Traffic(10, 200, 0), None, id="no-time-passed"),
    ],
)
def test_bytes_per_second(before: Traffic | None, now: Traffic, expected: float | None) -> None:
    assert rate(before, now, "received") == expected
