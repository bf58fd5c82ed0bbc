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
        f"# Written by `picket run`.\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
        f"log_dest stdout\nlog_type warning\nlog_type error\nuser {getpass.getuser()}\n"
    )
    return Program("broker", (mosquitto, "-c", str(file)), BROKER)
