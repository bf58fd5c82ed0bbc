"""DHT22 sensors as the kernel's driver shows them: a folder each, with files that are read.

    <sysfs>/bus/iio/devices/iio:device<n>/name                        dht11@4: GPIO 4, in hexadecimal
                                          in_temp_input               thousandths of a degree
                                          in_humidityrelative_input   thousandths of a percent

A file is replaced as a whole. One that fails is a link to this process's memory, of which the first byte can't be
read: the error is EIO, as the driver's.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from picket.config import Config
from picket_simulator.air import Air, room
from picket_simulator.fault import FOREVER, Fault

LOG = logging.getLogger(__name__)
UNREADABLE = Path("/proc/self/mem")
TURN_SECONDS = 0.5


def serves(config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a sensor's files are expected in the data folder; those elsewhere are a real kernel's."""
    return Path(str(collector.get("sysfs", "/sys"))).absolute().is_relative_to(_folder(config))


class Dht22:
    """One sensor's folder; time is an argument."""

    def __init__(self, folder: Path, gpio_pin: int, air: Callable[[float], Air] = room) -> None:
        """Write nothing yet."""
        self.folder = folder
        self._gpio_pin = gpio_pin
        self._air = air
        self.fault = Fault("silent", "garbage", "unplug")  # fail at every read, measure what no air is, be gone

    def show(self, now: float) -> None:
        """Bring the files up to date."""
        kind = self.fault.at(now)
        if kind == "unplug":
            self.remove()
            return
        air = self._air(now)
        celsius, percent = (1.0, 1.0) if kind == "garbage" else (air.temperature_c, air.humidity_percent)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._replace("name", f"dht11@{self._gpio_pin:x}\n")
        for name, value in (("in_temp_input", celsius), ("in_humidityrelative_input", percent)):
            self._replace(name, None if kind == "silent" else f"{round(value * 10) * 100}\n")

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _replace(self, name: str, text: str | None) -> None:
        draft = self.folder / f".{name}"
        draft.unlink(missing_ok=True)
        if text is None:
            draft.symlink_to(UNREADABLE)
        else:
            draft.write_text(text, encoding="ascii")
        draft.replace(self.folder / name)


class Dht22s:
    """All sensors of a configuration; a context manager that keeps their files up to date."""

    def __init__(self, _config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Number them as they come."""
        self._sensors = {
            name: Dht22(
                Path(str(collector["sysfs"])) / f"bus/iio/devices/iio:device{number}",
                int(str(collector.get("gpio_pin", 4))),
            )
            for number, (name, collector) in enumerate(collectors.items())
        }
        self.names = tuple(self._sensors)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="iio", daemon=True)

    def __enter__(self) -> "Dht22s":
        """Write the files."""
        self._show()
        self._thread.start()
        LOG.info("DHT22: %s", ", ".join(self.names))
        return self

    def __exit__(self, *_: object) -> None:
        """Take them away, so that nobody believes the last of them for ever."""
        self._stopping.set()
        self._thread.join()
        for sensor in self._sensors.values():
            sensor.remove()

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let a sensor misbehave, at once; raises ValueError for a fault that it does not have."""
        with self._lock:
            self._sensors[name].fault.begin(kind, time.monotonic(), seconds)
        self._show()

    def _run(self) -> None:
        while not self._stopping.wait(TURN_SECONDS):
            self._show()

    def _show(self) -> None:
        with self._lock:
            for sensor in self._sensors.values():
                sensor.show(time.monotonic())


def _folder(config: Config) -> Path:
    return Path(config.data_dir).absolute() / "sim"
