"""Every process of the release: what it runs, and in which order it is started and stopped."""

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from picket.config import Config
from picket.errors import PicketError

# Started from low to high, stopped from high to low, one after the other: what others need starts first and stops last.
# The guard stops first of all, while the gateway can still say that its outputs are off; its watcher outlives it.
LOGS, SIMULATOR, BROKER, HUB, GATEWAY, CONSUMER, PRODUCER, CONSOLE, WATCHER, GUARD = range(10, 110, 10)


class StartError(PicketError, RuntimeError):
    """The release can't be started here."""


class Program(NamedTuple):
    """One process."""

    name: str
    command: tuple[str, ...]
    priority: int
    own_log: bool = True
    stop_signal: str = "TERM"


def python(name: str, *module_and_arguments: str, priority: int, own_log: bool = True) -> Program:
    """Return a program that is a Python module of this environment."""
    return Program(name, (sys.executable, "-m", *module_and_arguments), priority, own_log)


def services(config: Config) -> list[Program]:
    """Return the release's own processes for a configuration: a collector is a process each."""
    return [
        python("hub", "picket_hub", priority=HUB),
        python("recorder", "picket_recorder", priority=CONSUMER),
        python("notifier", "picket_notifier", priority=CONSUMER),
        python("automation", "picket_automation", priority=CONSUMER),
        python("gateway", "picket_gateway", priority=GATEWAY),
        python("relay", "picket_relay", priority=GUARD),
        python("relay-watcher", "picket_relay.watcher", config.data_dir, priority=WATCHER),
        python("gpio-input", "picket_gpio_input", priority=PRODUCER),
        *(
            python(f"collectors.{name}", "picket_collectors", name, priority=PRODUCER)
            for name in sorted(config.collectors)
        ),
    ]


def simulated(config: Config) -> bool:
    """Tell whether anything of the configuration needs the simulator."""
    buses = [adc.bus for adc in config.adc_boards.values()] + [io.bus for io in config.io_boards.values()]
    ports = [str(_port(source)) for source in config.collectors.values()]
    return any(bus.startswith("sim://") for bus in buses) or any(
        port.startswith(f"{config.data_dir}/sim/") for port in ports
    )


def _port(source: Any) -> Any:
    return source.get("port") if isinstance(source, Mapping) else getattr(source, "port", None)
