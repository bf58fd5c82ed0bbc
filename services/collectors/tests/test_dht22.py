"""The DHT22: the kernel's files, what of them is believed, and a sensor that fails now and then."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picket_collectors.source import Site, SourceError, Stopped
from picket_collectors.sources.dht22 import ATTEMPTS, Air, Config, Dht22, Doubt, find, is_possible, open_source, parse
from picket_simulator.air import Air as RoomAir
from picket_simulator.iio import Dht22 as Files

CASES = sorted((Path(__file__).parent / "golden" / "dht22").iterdir())
ROOM = RoomAir(21.34, 48.16, 1013.25, 600, 90)
READING = {"temperature_c": 21.3, "humidity_percent": 48.2}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kernel_s_files_are_read(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))

    air = parse((case / "in_temp_input").read_text(), (case / "in_humidityrelative_input").read_text())

    assert {**air._asdict(), "possible": is_possible(air)} == expected


# What is believed


@pytest.mark.parametrize(
    ("reads", "believed"),
    [
        pytest.param([(21, 48), (21, 48)], "-+", id="the-first-wants-a-second"),
        pytest.param([(21, 48), (21, 49), (24, 60)], "-++", id="it-moves"),
        pytest.param([(21, 48), (21, 48), (28, 48), (21, 48)], "-+-+", id="a-jump-is-not"),
        pytest.param([(21, 48), (21, 48), (21, 70), (21, 48)], "-+-+", id="a-jump-of-the-humidity-is-not"),
        pytest.param([(21, 48), (21, 48), (5, 80), (5, 81)], "-+-+", id="a-jump-that-is-borne-out"),
        pytest.param([(3, 9), (21, 48), (21, 48)], "--+", id="a-first-that-is-wrong"),
        pytest.param([(21, 48), (21, 48), (5, 80), (60, 3), (21, 48)], "-+--+", id="two-jumps"),
    ],
)
def test_a_jump_is_believed_when_the_next_says_so_too(reads: list[tuple[float, float]], believed: str) -> None:
    doubt = Doubt()

    assert "".join("+" if doubt.believes(Air(*read)) else "-" for read in reads) == believed


# The sensor's folder


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    return tmp_path / "sys"


def folder(sysfs: Path, number: int) -> Path:
    return sysfs / f"bus/iio/devices/iio:device{number}"


@pytest.fixture
def files(sysfs: Path) -> Files:
    files = Files(folder(sysfs, 0), gpio_pin=4, air=lambda _now: ROOM)
    files.show(0.0)
    return files


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("pin", "number"), [pytest.param(4, 0, id="gpio-4"), pytest.param(17, 1, id="gpio-17-is-11-in-hexadecimal")]
)
def test_a_sensor_is_found_by_its_pin(sysfs: Path, pin: int, number: int) -> None:
    Files(folder(sysfs, 1), 17).show(0.0)
    Files(folder(sysfs, 2), 11).show(0.0)

    assert find(sysfs, pin) == folder(sysfs, number)


@pytest.mark.usefixtures("files")
def test_one_that_is_missing_is_said_with_those_there_are(sysfs: Path) -> None:
    Files(folder(sysfs, 1), 27).show(0.0)
    folder(sysfs, 2).mkdir()
    (folder(sysfs, 2) / "name").write_text("ads1015\n")
    folder(sysfs, 3).mkdir()

    with pytest.raises(SourceError, match=r"no dht11@11 \(dtoverlay=dht11,gpiopin=17\); there are dht11@4, dht11@1b$"):
        open_source(Config(gpio_pin=17, sysfs=str(sysfs)), None)  # type: ignore[arg-type]


def test_a_machine_without_such_sensors_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there are none$"):
        find(tmp_path, 4)


# A sensor that fails


class Reads:
    """Reads the files, but fails as often as told before it does."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def __call__(self, file: Path) -> str:
        if self.errors and (number := self.errors.pop(0)):
            raise OSError(number, os.strerror(number))
        return file.read_text()


@pytest.fixture
def sensor(site: Site, files: Files) -> Callable[..., Dht22]:
    return lambda *errors: Dht22(site, files.folder, Reads(*errors))


def test_a_sample(sensor: Any, time: Any) -> None:
    driver = sensor()

    assert [driver.sample(), driver.sample()] == [READING, READING]
    assert time.pauses == [2.1], "the first read wanted a second"


@pytest.mark.parametrize(
    ("errors", "ratio"),
    [
        pytest.param([errno.EIO], 0.67, id="checksum"),
        pytest.param([errno.ETIMEDOUT, errno.EIO], 0.5, id="edges-missing"),
        pytest.param([0, errno.EIO], 0.67, id="of-the-humidity-alone"),
    ],
)
def test_reads_that_fail_are_repeated_two_seconds_apart(
    sensor: Any, time: Any, errors: list[int], ratio: float
) -> None:
    driver = sensor(*errors)

    assert driver.sample() == READING
    assert driver.figures() == {"success_ratio": ratio}
    assert set(time.pauses) == {2.1}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param("silent", "6 reads gave nothing to believe; the last: Input/output error", id="silence"),
        pytest.param("garbage", "the last: 1 °C at 1 %", id="garbage"),
        pytest.param("unplug", "No such file", id="unplug"),
    ],
)
def test_a_lasting_fault_is_said(sensor: Any, files: Files, kind: str, text: str) -> None:
    driver = sensor()
    driver.sample()
    files.fault.begin(kind, now=0.0, seconds=100.0)
    files.show(1.0)

    with pytest.raises(OSError, match=text):
        driver.sample()

    files.show(100.0)
    assert driver.sample() == READING


def test_reads_that_never_agree_are_said(site: Site, sysfs: Path) -> None:
    celsius = iter(range(0, 800_000, 10_000))
    driver = Dht22(site, folder(sysfs, 0), lambda file: str(next(celsius)) if file.name == "in_temp_input" else "50000")

    with pytest.raises(SourceError, match="they differ too much"):
        driver.sample()


def test_a_file_without_a_number_is_a_read_that_failed(site: Site, sysfs: Path) -> None:
    driver = Dht22(site, folder(sysfs, 0), lambda _file: "\n")

    with pytest.raises(SourceError, match="invalid literal"):
        driver.sample()


def test_an_error_that_no_read_mends_is_not_repeated(sensor: Any, time: Any) -> None:
    with pytest.raises(OSError, match="Permission denied"):
        sensor(errno.EACCES).sample()

    assert time.pauses == []


def test_the_success_ratio_is_of_the_last_hundred_reads(sensor: Any) -> None:
    driver = sensor(*[errno.EIO] * (ATTEMPTS - 2))
    driver.sample()

    for _ in range(100):
        driver.sample()

    assert driver.figures() == {"success_ratio": 1.0}


def test_a_silent_sensor_does_not_keep_the_process_from_ending(sensor: Any, time: Any) -> None:
    time.stop_at = time.now + 5

    with pytest.raises(Stopped):
        sensor(*[errno.EIO] * 10).sample()
