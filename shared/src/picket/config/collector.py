"""What a collector's section says, be it checked or, where collectors are not installed, as it stands in the file."""

from collections.abc import Mapping
from typing import Any

from picket.config.schema import Config


def setting(collector: Any, key: str) -> Any:
    """Return a setting; None where there is none."""
    return collector.get(key) if isinstance(collector, Mapping) else getattr(collector, key, None)


def has_simulated_plugs(collector: Any, config: Config) -> bool:
    """Tell whether the simulator plays any of its plugs: where their library, an extra, is not, that is no fault."""
    plugs, ours = setting(collector, "plugs"), str(config.simulator.plug_port)
    return isinstance(plugs, Mapping) and any(str(setting(plug, "port")) == ours for plug in plugs.values())
