"""What the tests of the collectors share: time that passes only when it is waited for, and a sensor within it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from picket.config import Config
from picket_collectors.source import Site, Stopped
from picket_simulator.sds011 import Sds011


class VirtualTime:
    """A clock that `pause` moves; past `stop_at` the process is to end."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.stop_at = float("inf")
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(round(seconds, 3))
        self.now += seconds
        if self.now > self.stop_at:
            raise Stopped


class FakePort:
    """A serial port in virtual time with a sensor behind it, and the faults that cables have."""

    timeout = 0.5

    def __init__(self, time: VirtualTime, sensor: Sds011) -> None:
        self.time = time
        self.sensor = sensor
        self.sensor.power_cycle(time())
        self.written: list[bytes] = []
        self.spoil: Callable[[bytes], bytes] = lambda heard: heard
        self.unplugged = self.closed = False
        self._waiting = b""

    def write(self, data: bytes) -> int:
        if self.unplugged:
            raise OSError(5, "Input/output error")
        self.written.append(data)
        self._waiting += self.spoil(self.sensor.receive(data, self.time()))
        return len(data)

    def read(self, size: int = 1) -> bytes:
        if self.unplugged:
            raise OSError(5, "Input/output error")
        self._waiting += self.spoil(self.sensor.tick(self.time()))
        if len(self._waiting) < size:
            self.time.now += self.timeout
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def site(time: VirtualTime, tmp_path: Path) -> Site:
    return Site("air", Config(device="demo", data_dir=str(tmp_path)), time, time.pause)


@pytest.fixture
def port(time: VirtualTime) -> FakePort:
    return FakePort(time, Sds011())
