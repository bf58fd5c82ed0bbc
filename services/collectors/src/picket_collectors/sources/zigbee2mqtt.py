"""Zigbee2MQTT: every device of its bridge, whatever it measures. What it says is drawn in zigbee_bridge.py."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.mqtt import Subscription
from picket_collectors.source import Part, Site
from picket_collectors.zigbee_bridge import Bridge

KIND = "zigbee"
RANGES = {
    "temperature_c": (-60, 125),
    "local_temperature_c": (-60, 125),
    "device_temperature_c": (-60, 150),
    "humidity_percent": (0, 100),
    "soil_moisture_percent": (0, 100),
    "pressure_hpa": (300, 1200),
    "battery_percent": (0, 100),
    "voltage_v": (0, 500),
    "current_a": (-100, 100),  # a plug whose divisor is not known yet says 512
    "power_w": (-50_000, 50_000),
    "energy_wh": (0, 1e9),
    "illuminance_lux": (0, 200_000),
    "co2_ppm": (0, 40_000),
    "pm2_5_ug_m3": (0, 2000),
    "pm10_ug_m3": (0, 2000),
    "link_quality": (0, 255),
}

RECEIVE_SECONDS = 1.0


class Config(Section, frozen=True, tag="zigbee2mqtt", tag_field="kind"):
    """A Zigbee2MQTT on the configuration's broker; of each device a reading an interval, a switch that changes at once.

    `base_topic` is Zigbee2MQTT's own `mqtt.base_topic`.
    """

    base_topic: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)] = "zigbee2mqtt"
    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 60


class Zigbee2Mqtt:
    """Listens to one bridge."""

    def __init__(self, config: Config, site: Site, wall_ns: Callable[[], int] = time.time_ns) -> None:
        """Subscribe; raises OSError where the broker is away or refuses."""
        self._site = site
        self._wall_ns = wall_ns
        self._bridge = Bridge(config.base_topic, site.clock())
        topics = self._bridge.topics()
        self._subscribed = set(topics)
        self._subscription = Subscription(site, topics)

    def receive(self) -> Sequence[Part]:
        """Return what the devices said within a second; raises SourceError when the broker is lost."""
        parts: list[Part] = []
        for message in self._subscription.receive(RECEIVE_SECONDS):
            parts += self._bridge.hear(message, self._site.clock(), self._wall_ns())
        if more := [topic for topic in self._bridge.topics() if topic not in self._subscribed]:
            self._subscription.add(more)
            self._subscribed.update(more)
        return parts + self._bridge.due(self._site.clock())

    def figures(self) -> Mapping[str, float]:
        """Show the bridge's."""
        return self._bridge.figures()

    def close(self) -> None:
        """Leave the broker."""
        self._subscription.close()


def open_stream(config: Config, site: Site) -> Zigbee2Mqtt:
    """Listen to the bridge."""
    return Zigbee2Mqtt(config, site)
