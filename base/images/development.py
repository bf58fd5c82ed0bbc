"""The composition for a development machine: `python -m base.images.development up|down`, as `make up` does.

It is made of docker-compose.yml, so that the two cannot drift apart. What differs: images that were built beforehand, a
simulator beside the release instead of chips and plugs, no rights that not every engine may give, and the broker on the
loopback only. What are files of the kernel's on a Pi, the simulator shares with the collectors by two volumes: the
names of serial ports with the files of a DHT22, and the terminals that those names lead to.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import yaml

from base.images.build import ROOT
from picket.config import Config, load
from picket.errors import PicketError

FILE = ROOT / "var" / "docker-compose.yml"
PROJECT = "picket"
# Its nodes and its Zigbee bridge are clients of the broker, as real ones would be.
ACCOUNT = {
    "PICKET__BROKER__CLIENTS__SIMULATOR__TOPICS": "[sim/#]",
    "PICKET__BROKER__CLIENTS__SIMULATOR__PASSWORD": "simulator",
}
ON_A_PI_ONLY = ("devices", "privileged", "oom_score_adj")
PASSED_ON = ("PICKET", "MQTT_", "INFLUX_", "SLACK_", "SENTRY_", "RSYSLOG_", "NO_START", "TEST_ON_START_ADDRESS")
SHARED = ["simulated:/data/sim", "terminals:/dev/pts"]
# Neither outlives those that use it. A container's own terminals are its alone, so these three share others.
VOLUMES = {
    "simulated": {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "mode=0755,uid=8300,gid=8300"}},
    "terminals": {"driver_opts": {"type": "devpts", "device": "devpts", "o": "mode=0600,ptmxmode=0666"}},
}
SIMULATOR = {
    "image": "picket/simulator",
    "command": ["python3", "-m", "picket_simulator"],
    "environment": {
        "PICKET__SIMULATOR__BIND_ADDRESS": "0.0.0.0",
        "MQTT_HOST": "mosquitto",
        "MQTT_USERNAME": "simulator",
        "MQTT_PASSWORD": "simulator",
    },
    "init": True,
    "read_only": True,
    "restart": "always",
    "tmpfs": ["/tmp", "/run", "/data"],
    "user": "8300",
    "volumes": SHARED,
}


def composition(variables: Mapping[str, str], port: int) -> dict[str, Any]:
    """Return the composition with variables for every service, and the broker at a port of 127.0.0.1."""
    config = load(environment={"PICKET_CONFIG": str(ROOT / "config/picket.yaml"), **variables})
    simulated = {**dict(led_to_the_simulator(config)), **ACCOUNT}
    release: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    release["services"]["simulator"] = dict(SIMULATOR)
    for service in release["services"].values():
        if built := service.pop("build", None):
            service["image"] = f"picket/{built['args']['SERVICE']}"
        if service.get("privileged"):
            service |= {key: release["services"]["hub"][key] for key in ("cap_drop", "cap_add")}
        for key in ON_A_PI_ONLY:
            service.pop(key, None)
        service["environment"] = {**simulated, **service.get("environment", {}), **variables}
    for name in ("collectors", "collectors-usb"):
        release["services"][name]["volumes"] += SHARED
    release["volumes"] |= VOLUMES
    release["services"]["mosquitto"]["ports"] = [f"127.0.0.1:{port}:1883"]
    return release


def led_to_the_simulator(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the variables by which what is simulated on this machine is asked for in the simulator's container."""
    simulator = config.simulator
    there = {f"127.0.0.1:{port}": f"simulator:{port}" for port in (simulator.bus_port, simulator.web_port)}
    there[f"{config.data_dir}/sim/"] = "/data/sim/"
    settings = {("adc_boards", name): {"bus": board.bus} for name, board in config.adc_boards.items()}
    settings |= {("io_boards", name): {"bus": board.bus} for name, board in config.io_boards.items()}
    settings |= {("collectors", name): collector for name, collector in config.collectors.items()}
    for place, values in settings.items():
        for key, value in values.items():
            for here, led in there.items():
                if isinstance(value, str) and here in value:
                    yield "__".join(("PICKET", *place, key)).upper(), value.replace(here, led)
        if str(values.get("port")) == str(simulator.ups_port):
            yield "__".join(("PICKET", *place, "host")).upper(), "simulator"


def compose() -> list[str]:
    """Return Docker's compose command, whichever this machine has; empty where there is none."""
    with suppress(OSError):
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
            return ["docker", "compose"]
    return [command] if (command := shutil.which("docker-compose")) else []


def main() -> None:
    """Start the release in containers, or end it; volumes are kept."""
    if not (words := compose()):
        sys.exit("up: Docker's compose is missing (Debian: apt-get install docker-compose)")
    command = [*words, "--project-name", PROJECT, "--file", str(FILE)]
    if sys.argv[1] == "up":
        variables = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        port = int(variables.pop("MQTT_PORT", "1883"))
        FILE.parent.mkdir(exist_ok=True)
        try:
            FILE.write_text(json.dumps(composition(variables, port), indent=1) + "\n")
        except PicketError as error:
            sys.exit(f"up: {error}")
        command += ["up", "--detach", "--no-build", "--remove-orphans"]
    else:
        command += ["down", "--remove-orphans"]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
