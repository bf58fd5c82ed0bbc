"""The embedded MQTT broker of a development machine: mosquitto where there is one, else amqtt; loopback only."""

import getpass
import os
import shutil
from pathlib import Path

from picket_base.programs import BROKER, Program, python


def broker(port: int, folder: Path) -> Program:
    """Return the broker's program; writes mosquitto's configuration into `folder`."""
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not mosquitto:
        return python("broker", "picket_simulator.broker", "--port", str(port), priority=BROKER)
    file = folder / "mosquitto.conf"
    file.write_text(
        "# Written by `picket run`.\n"
        f"listener {port} 127.0.0.1\n"
        "allow_anonymous true\n"
        "persistence false\n"
        "set_tcp_nodelay true\n"  # else a small message waits up to 40 ms for the one before it to be acknowledged
        "log_dest stdout\nlog_type warning\nlog_type error\n"
        f"user {getpass.getuser()}\n"
    )
    return Program("broker", (mosquitto, "-c", str(file)), BROKER)
