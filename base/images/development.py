"""The composition for a development machine: `python -m base.images.development up|down`, as `make up` does.

It is made of docker-compose.yml, so that the two cannot drift apart. What differs: images that were built beforehand, a
simulator beside the release instead of chips and plugs, no rights that not every engine may give, and the broker on the
loopback only.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml

from base.images.build import ROOT

FILE = ROOT / "var" / "docker-compose.yml"
PROJECT = "picket"
BUS = "sim://simulator:7701"
SIMULATED = {
    "PICKET__ADC_BOARDS__MAIN__BUS": BUS,
    "PICKET__IO_BOARDS__MAIN__BUS": BUS,
    "PICKET__COLLECTORS__CLIMATE__BUS": BUS,
    "PICKET__COLLECTORS__GAS__BUS": BUS,
    "PICKET__COLLECTORS__UPS__HOST": "simulator",
    "PICKET__COLLECTORS__WEATHER__URL": "http://simulator:7705/v1/forecast",
    # Its nodes and its Zigbee bridge are clients of the broker, as real ones would be.
    "PICKET__BROKER__CLIENTS__SIMULATOR__TOPICS": "[sim/#]",
    "PICKET__BROKER__CLIENTS__SIMULATOR__PASSWORD": "simulator",
}
ON_A_PI_ONLY = ("devices", "privileged", "oom_score_adj")
PASSED_ON = ("PICKET", "MQTT_", "INFLUX_", "SLACK_", "SENTRY_", "RSYSLOG_", "NO_START", "TEST_ON_START_ADDRESS")
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
}


def composition(variables: Mapping[str, str], port: int) -> dict[str, Any]:
    """Return the composition with variables for every service, and the broker at a port of 127.0.0.1."""
    release: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    release["services"]["simulator"] = dict(SIMULATOR)
    for service in release["services"].values():
        if built := service.pop("build", None):
            service["image"] = f"picket/{built['args']['SERVICE']}"
        if service.get("privileged"):
            service |= {key: release["services"]["hub"][key] for key in ("cap_drop", "cap_add")}
        for key in ON_A_PI_ONLY:
            service.pop(key, None)
        service["environment"] = {**SIMULATED, **service.get("environment", {}), **variables}
    release["services"]["mosquitto"]["ports"] = [f"127.0.0.1:{port}:1883"]
    return release


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
        FILE.write_text(json.dumps(composition(variables, port), indent=1) + "\n")
        command += ["up", "--detach", "--no-build", "--remove-orphans"]
    else:
        command += ["down", "--remove-orphans"]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
