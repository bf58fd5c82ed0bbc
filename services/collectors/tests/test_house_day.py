"""A day of every collector that has no serial port, in virtual time: none missed, and nothing that piles up.

The whole day is run by `make soak`; otherwise half an hour of it. test_serial_day.py has the sensors on serial ports.
"""

import gc
import os
import time as machine
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from picket.config import Config
from picket_collectors.i2c_device import I2cDevice
from picket_collectors.mqtt import Message
from picket_collectors.outcome import Measured
from picket_collectors.receiver import Receiver
from picket_collectors.sampler import Sampler
from picket_collectors.source import Site
from picket_collectors.sources import bme280, dht22, host, http, kasa, nodes, nut, sgp30, zigbee2mqtt
from picket_simulator import air, iio, mqtt_node, zigbee_bridge, zigbee_devices
from picket_simulator.bus import Bus
from picket_simulator.chips.bme280 import Bme280
from picket_simulator.chips.sgp30 import Sgp30
from picket_simulator.kasa_plug import KasaPlugs
from picket_simulator.ups import Upsd
from picket_simulator.weather import Weather
from tests.servers.ports import free_ports

HOURS = 24 if os.environ.get("PICKET_SOAK") else 0.5
WARM_SHARE = 4  # what grows in the first quarter is what anything keeps that has begun
INTERVAL_SECONDS = 60
RESIDENT_KILOBYTES = 3000
THEIR_DESCRIPTORS = 2  # of who serves the collector in this same process, and has not hung up yet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class House:
    """One collector for a day."""

    def __init__(self, site: Site, time: Any, seconds: float) -> None:
        self.site, self.time = site, time
        time.pauses = deque(maxlen=1)  # a day of them would be what grows
        self.began, self.seconds = time.now, seconds
        self.readings: dict[str, list[float]] = {}
        self.used: list[tuple[int, int]] = []  # descriptors, kilobytes: when warm, and at the end

    def sampled(self, opens: Callable[[], Any], interval: float = INTERVAL_SECONDS) -> None:
        self.time.stop_at = self.began + self.seconds
        Sampler(opens, "x", interval, self.site, self._take).run()
        self._look()

    def received(self, opens: Callable[[], Any], interval: float = INTERVAL_SECONDS) -> None:
        self.time.stop_at = self.began + self.seconds
        Receiver(opens, interval, self.site, self._take).run()
        self._look()

    def _take(self, outcome: Any) -> None:
        assert isinstance(outcome, Measured), outcome
        for part in outcome.parts:
            assert not part.fault, part
            if part.values:
                self.readings.setdefault(part.name, []).append(self.time.now)
        if not self.used and self.time.now - self.began > self.seconds / WARM_SHARE:
            self._look()

    def _look(self) -> None:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.used.append((len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") // 1024))  # noqa: PTH208


@pytest.fixture
def house(site: Site, time: Any) -> House:
    return House(site, time, HOURS * 3600.0)


def expect_no_growth(house: House) -> None:
    (descriptors, resident), (descriptors_at_the_end, resident_at_the_end) = house.used
    assert descriptors_at_the_end <= descriptors + THEIR_DESCRIPTORS
    assert resident_at_the_end - resident < RESIDENT_KILOBYTES


def expect_none_missed(house: House, interval: float = INTERVAL_SECONDS, within: float = 1.0) -> None:
    assert house.readings
    for times in house.readings.values():
        assert len(times) == pytest.approx(house.seconds / interval, rel=0.01, abs=1)
        assert all(abs(after - before - interval) <= within for before, after in pairwise(times))


def test_bme280(house: House, bus_time: Any) -> None:
    bus = Bus({0x76: Bme280(air.room)}, bus_time)

    house.sampled(lambda: bme280.Bme280(house.site, I2cDevice(bus, 0x76)))

    expect_none_missed(house)
    expect_no_growth(house)


def test_sgp30_measures_each_second_all_the_while(house: House, bus_time: Any) -> None:
    bus = Bus({0x58: Sgp30(air.room)}, bus_time)
    config = sgp30.Config(interval_seconds=INTERVAL_SECONDS)

    house.sampled(lambda: sgp30.Sgp30(config, house.site, I2cDevice(bus, 0x58)))

    expect_none_missed(house)
    expect_no_growth(house)


def test_dht22(house: House, tmp_path: Path, time: Any) -> None:
    sensor = iio.Dht22(tmp_path / "sys/bus/iio/devices/iio:device0", 4)

    def read(file: Path) -> str:
        sensor.show(time.now)
        return file.read_text()

    sensor.show(time.now)
    house.sampled(lambda: dht22.Dht22(house.site, dht22.find(tmp_path / "sys", 4), read))

    expect_none_missed(house, within=3.0)  # of the first reading, a second one has to agree
    expect_no_growth(house)


def test_host(house: House) -> None:
    house.received(lambda: host.open_stream(host.Config(interval_seconds=INTERVAL_SECONDS), house.site))

    expect_none_missed(house)
    expect_no_growth(house)


def configured(**ports: int) -> Config:
    """Return a configuration by which the simulator listens on free ports."""
    return Config(device="demo", simulator=type(Config(device="demo").simulator)(**ports))


def test_nut(house: House) -> None:
    (port,) = free_ports(1)
    settings = {"kind": "nut", "ups": "demo", "port": port}
    with Upsd(configured(ups_port=port), {"ups": settings}):
        house.received(lambda: nut.open_stream(nut.Config(ups="demo", port=port), house.site), 10)

    expect_none_missed(house, 10)
    expect_no_growth(house)


def test_http(house: House) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/v1/forecast"
    value = http.Value(path="current.temperature_2m")
    config = http.Config(
        url=url, measures="weather", interval_seconds=INTERVAL_SECONDS, values={"temperature_c": value}
    )
    with Weather(configured(web_port=port), {"weather": {"kind": "http", "url": url}}):
        house.sampled(lambda: http.open_source(config, house.site))

    expect_none_missed(house)
    expect_no_growth(house)


def test_kasa(house: House) -> None:
    pytest.importorskip("kasa", reason="*** python-kasa is not installed: its collector goes UNTESTED for a day ***")
    (port,) = free_ports(1)
    plugs = {"heater": {"host": "127.0.0.1", "port": port}}
    config = kasa.Config(plugs={"heater": kasa.PlugConfig(host="127.0.0.1", port=port)}, interval_seconds=60)
    with KasaPlugs(configured(plug_port=port), {"power": {"kind": "kasa", "plugs": plugs}}):
        house.sampled(lambda: kasa.open_source(config, house.site))

    expect_none_missed(house)
    expect_no_growth(house)


class Broker:
    """A subscription in virtual time: a second passes, and who publishes is asked for what is due."""

    due: Callable[[float, float], Sequence[Message]]

    def __init__(self, site: Site, topics: Sequence[str], *, kept: bool = False) -> None:
        self._site, self._topics, self.kept = site, list(topics), kept

    def add(self, topics: Sequence[str]) -> None:
        self._topics += topics

    def receive(self, seconds: float) -> Sequence[Message]:
        self._site.pause(seconds)
        return type(self).due(self._site.clock(), machine.time())

    def close(self) -> None:
        """Leave."""


def broker(publish: Callable[[float, float], Iterator[Message]]) -> Any:
    return type("Simulated", (Broker,), {"due": staticmethod(lambda now, wall: list(publish(now, wall)))})


def test_zigbee(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = zigbee_bridge.ZigbeeBridge()
    first = bridge.introduce()

    def publish(now: float, wall: float) -> Iterator[Message]:
        while first:
            said = first.pop(0)
            yield Message(f"z/{said.topic}", said.payload, True)
        for said in bridge.say(now, wall + now):
            yield Message(f"z/{said.topic}", said.payload, said.retain)

    monkeypatch.setattr(zigbee2mqtt, "Subscription", broker(publish))
    config = zigbee2mqtt.Config(base_topic="z", interval_seconds=INTERVAL_SECONDS)
    house.received(lambda: zigbee2mqtt.open_stream(config, house.site))

    assert len(house.readings) == len(zigbee_devices.DEVICES)
    assert all(len(times) >= house.seconds / INTERVAL_SECONDS - 1 for times in house.readings.values())
    expect_no_growth(house)


def test_nodes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    each = {name: mqtt_node.Node(*node) for name, node in mqtt_node.NODES.items()}
    first = [Message(f"n/{name}/status", b"online", True) for name in each]

    def publish(now: float, wall: float) -> Iterator[Message]:
        while first:
            yield first.pop(0)
        for name, node in each.items():
            for said in node.say(now, wall + now):
                yield Message(f"n/{name}/{said.topic}", said.payload, False)

    monkeypatch.setattr(nodes, "Subscription", broker(publish))
    config = nodes.Config(base_topic="n", interval_seconds=INTERVAL_SECONDS)
    house.received(lambda: nodes.open_stream(config, house.site))

    assert set(house.readings) == set(each)
    assert all(len(times) >= house.seconds / INTERVAL_SECONDS - 1 for times in house.readings.values())
    expect_no_growth(house)
