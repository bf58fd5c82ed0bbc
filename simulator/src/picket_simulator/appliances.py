"""Appliances: what is neither a chip nor on a serial port, by the kind of the collectors that ask it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

from picket.config import Config
from picket_simulator import iio, kasa_plug, mqtt_node, ups, weather, zigbee_bridge

Collectors = Mapping[str, Mapping[str, Any]]


class Appliance(Protocol):
    """One or several of a kind: a context manager that is there while it is entered."""

    @property
    def names(self) -> Collection[str]:
        """Name the collectors that it is there for."""
        ...

    def __enter__(self) -> object:
        """Be there; raises OSError."""
        ...

    def __exit__(self, *_: object) -> None:
        """Be gone."""
        ...

    def fault(self, name: str, kind: str, seconds: float) -> None:
        """Misbehave towards one of `names`; raises ValueError for a fault that it does not have."""
        ...


class Kind(NamedTuple):
    """Whether a collector is to be served here, and what serves those that are."""

    serves: Callable[[Config, Mapping[str, Any]], bool]
    build: Callable[[Config, Collectors], Appliance]


KINDS = {
    "dht22": Kind(iio.serves, iio.Dht22s),
    "http": Kind(weather.serves, weather.Weather),
    "kasa": Kind(kasa_plug.serves, kasa_plug.KasaPlugs),
    "nodes": Kind(mqtt_node.serves, mqtt_node.MqttNodes),
    "nut": Kind(ups.serves, ups.Upsd),
    "zigbee2mqtt": Kind(zigbee_bridge.serves, zigbee_bridge.ZigbeeBridges),
}


def appliances(config: Config) -> list[Appliance]:
    """Return the appliances that a configuration asks for; none is there yet."""
    built = []
    for kind, (serves, build) in KINDS.items():
        collectors = {name: c for name, c in config.collectors.items() if c.get("kind") == kind and serves(config, c)}
        if collectors:
            built.append(build(config, collectors))
    return built
