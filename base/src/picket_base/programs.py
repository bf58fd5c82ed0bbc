"""Every process of the release: what it runs, and in which order it is started and stopped."""

import sys
from importlib.util import find_spec
from typing import Any, NamedTuple

from picket.config import Config
from picket.config.collector import has_simulated_plugs, setting
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
            for name, source in sorted(config.collectors.items())
            # The demo has plugs, but their library is an extra: who lacks it is not to be told of a fault.
            if not (has_simulated_plugs(source, config) and find_spec("kasa") is None)
        ),
    ]


def simulated(config: Config) -> bool:
    """Tell whether anything of the configuration needs the simulator."""
    buses = [adc.bus for adc in config.adc_boards.values()] + [io.bus for io in config.io_boards.values()]
    played = any(bus.startswith("sim://") for bus in buses)
    return played or any(_is_played(source, config) for source in config.collectors.values())


def played_ports(config: Config) -> set[int]:
    """Return the ports that the simulator is asked at for what is neither a chip nor on a serial port."""
    ports = {_played_port(source, config) for source in config.collectors.values()} - {0}
    plugs = any(has_simulated_plugs(source, config) for source in config.collectors.values())
    return ports | ({config.simulator.plug_port} if plugs else set())


def _is_played(source: Any, config: Config) -> bool:
    bus, topic, *paths = (str(setting(source, key)) for key in ("bus", "base_topic", "port", "sysfs"))
    return (
        bus.startswith("sim://")
        or topic.startswith("sim/")
        or any(path.startswith(f"{config.data_dir}/sim/") for path in paths)
        or has_simulated_plugs(source, config)
        or bool(_played_port(source, config))
    )


def _played_port(source: Any, config: Config) -> int:
    """Return the port of the simulator that a UPS or a web service is asked at; 0 for a real one."""
    port, url = str(setting(source, "port")), str(setting(source, "url"))
    if port == str(config.simulator.ups_port):
        return config.simulator.ups_port
    return config.simulator.web_port if f":{config.simulator.web_port}/" in url else 0
