"""Which services a device's configuration calls for: one that never says a word is missed all the same."""

from collections.abc import Mapping
from typing import Any

from picket.config import Config

ALWAYS = ("hub", "automation", "recorder", "notifier")


def expected(config: Config) -> frozenset[str]:
    """Return the names that the health beats of a configuration's services have; collectors as they stand there."""
    names = {*ALWAYS, *(f"collectors.{name}" for name, source in config.collectors.items() if _runs(source, config))}
    if config.inputs:
        names.add("gpio-input")
    if config.outputs:
        names.add("relay")
    return frozenset(names)


def _runs(source: Mapping[str, Any], config: Config) -> bool:
    """Tell whether a collector runs wherever it is configured: simulated plugs do so only beside an extra's library."""
    plugs = source.get("plugs")
    if not isinstance(plugs, Mapping):
        return True
    ports = (plug.get("port") for plug in plugs.values() if isinstance(plug, Mapping))
    return str(config.simulator.plug_port) not in map(str, ports)
