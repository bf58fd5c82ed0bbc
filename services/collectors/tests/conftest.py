"""What the tests of the collectors share: time that passes only when it is waited for, and a sensor within it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from picket.config import Config
from picket_collectors.source import Site, Stopped
from picket_simulator.bus import Bus
from picket_simulator.serial_port import SerialSensor


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

    def __init__(self, time: VirtualTime, sensor: SerialSensor) -> None:
        self.time = time
        self.sensor: Any = sensor
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

    @property
    def in_waiting(self) -> int:
        if self.unplugged:
            raise OSError(5, "Input/output error")
        self._waiting += self.spoil(self.sensor.tick(self.time()))
        return len(self._waiting)

    def read(self, size: int = 1) -> bytes:
        if self.in_waiting < size:
            self.time.now += self.timeout
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data

    def close(self) -> None:
        self.closed = True


class BusTime:
    """The clock of a simulated bus, in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def now(self) -> float:
        return self._time.now

    def sleep(self, seconds: float) -> None:
        self._time.now += max(0.0, seconds)


class FaultyBus:
    """A bus on which nobody acknowledges some of the transfers, which are numbered from the first on."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.count = 0
        self.fails: Callable[[int], bool] = lambda _number: False
        self.closed = False

    def i2c_rdwr(self, *messages: Any) -> None:
        self.count += 1
        if self.fails(self.count):
            raise OSError(121, "Remote I/O error")
        self._bus.i2c_rdwr(*messages)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def bus_time(time: VirtualTime) -> BusTime:
    return BusTime(time)


@pytest.fixture
def bus(request: pytest.FixtureRequest, chip: Any, bus_time: BusTime) -> Bus:
    """Return a bus with the module's `chip` at its ADDRESS."""
    return Bus({request.module.ADDRESS: chip}, bus_time)


@pytest.fixture
def faulty(bus: Bus) -> FaultyBus:
    return FaultyBus(bus)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def site(time: VirtualTime, tmp_path: Path) -> Site:
    return Site("air", Config(device="demo", data_dir=str(tmp_path)), time, time.pause)


@pytest.fixture
def port_of(time: VirtualTime) -> Callable[[SerialSensor], FakePort]:
    """Return a port with any serial sensor behind it."""
    return lambda sensor: FakePort(time, sensor)
