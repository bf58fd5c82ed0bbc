"""TP-Link Kasa plugs, of old firmware and of new, at the addresses that `kasa` collectors ask.

{"system":{"get_sysinfo":{}},"emeter":{"get_realtime":{}}}     each command of each module is answered in its place
{"system":{"get_sysinfo":{"alias": ..., "relay_state": 1, ..., "err_code": 0}}, "emeter": ...}
"""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Self

from picket.config import Config
from picket_simulator.fault import FOREVER
from picket_simulator.plug_server import PlugServer

LOG = logging.getLogger(__name__)
MODULES = ("system", "emeter", "schedule", "time")
UTC = 39
NOT_KNOWN = {"err_code": -1, "err_msg": "module not support"}


class KasaPlug:
    """A plug with a heater on it that comes and goes with its thermostat; time is an argument."""

    def __init__(self, alias: str, mac: str, watts: float) -> None:
        """Be on, and begin to count."""
        self.alias, self.mac = alias, mac
        self.on = True
        self._watts = watts
        self._counted_wh = 0.0
        self._at: float | None = None
        self._on_since = 0.0

    def answer(self, asked: Any, now: float) -> Any:
        """Answer each command of each module."""
        self._pass(now)
        return {
            module: {command: self._obey(module, command, arguments, now) for command, arguments in commands.items()}
            if module in MODULES
            else NOT_KNOWN
            for module, commands in asked.items()
        }

    def power_w(self, now: float) -> float:
        """Return what is drawn now: two thirds of each minute."""
        return self.on * (1.2 + self._watts * (now % 60 < 40) * (1 + 0.01 * math.sin(now)))

    def _obey(self, module: str, command: str, arguments: Any, now: float) -> dict[str, Any]:
        match module, command:
            case "system", "get_sysinfo":
                return self._sysinfo(now)
            case "system", "set_relay_state":
                self.on, self._on_since = bool(arguments["state"]), now
                return {"err_code": 0}
            case "emeter", "get_realtime":
                return self._realtime(now)
            case "emeter" | "schedule", "get_daystat":
                return {"day_list": [], "err_code": 0}
            case "emeter" | "schedule", "get_monthstat":
                return {"month_list": [], "err_code": 0}
            case "time", "get_time":
                return dict(zip(("year", "month", "mday", "hour", "min", "sec"), time.gmtime(now), strict=False))
            case "time", "get_timezone":
                return {"index": UTC, "err_code": 0}
        return {"err_code": -2, "err_msg": "member not support"}

    def _sysinfo(self, now: float) -> dict[str, Any]:
        return {
            "sw_ver": "1.1.1 Build 250101 Rel.000000",
            "hw_ver": "1.0",
            "model": "KP115(EU)",
            "deviceId": "80" + self.mac.replace(":", "") * 3,
            "mac": self.mac,
            "alias": self.alias,
            "dev_name": "Smart Wi-Fi Plug Mini",
            "mic_type": "IOT.SMARTPLUGSWITCH",
            "feature": "TIM:ENE",
            "relay_state": int(self.on),
            "on_time": round(now - self._on_since) if self.on else 0,
            "rssi": -52 + round(3 * math.sin(now / 17)),
            "led_off": 0,
            "updating": 0,
            "err_code": 0,
        }

    def _realtime(self, now: float) -> dict[str, Any]:
        volts, watts = 230 + math.sin(now / 11), self.power_w(now)
        return {
            "current_ma": round(watts / volts * 1000),
            "voltage_mv": round(volts * 1000),
            "power_mw": round(watts * 1000),
            "total_wh": round(self._counted_wh),
            "err_code": 0,
        }

    def _pass(self, now: float) -> None:
        seconds, self._at = now - (now if self._at is None else self._at), now
        self._counted_wh += self.power_w(now) * seconds / 3600


class KasaPlugs:
    """The plugs that `kasa` collectors ask at the simulator's port, each at its own loopback address."""

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Make old plugs and new ones by turns; the new ones know no account, as if fresh from the box."""
        self._servers: dict[str, PlugServer] = {}
        for collector, settings in collectors.items():
            for name, plug in settings["plugs"].items():
                if is_here(config, plug):
                    number = len(self._servers)
                    device = KasaPlug(name, f"50:C7:BF:00:00:{number + 1:02X}", 2000 / (1 + number))
                    server = PlugServer(plug["host"], int(plug["port"]), device, "KLAP 2" if number % 2 else "XOR")
                    self._servers[f"{collector}_{name}"] = server
        self.names = tuple(self._servers)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Plug all in; raises OSError."""
        with ExitStack() as opened:
            for name, server in self._servers.items():
                opened.enter_context(server)
                LOG.info("plug %s on %s:%s speaks %s", name, server.host, server.port, server.speaks)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Pull all out."""
        self._open.close()

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let a plug misbehave; raises ValueError."""
        self._servers[name].fault(kind, seconds)


def is_here(config: Config, plug: Any) -> bool:
    """Tell whether a plug is to be simulated."""
    return bool(plug.get("host")) and str(plug.get("port")) == str(config.simulator.plug_port)


def serves(config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector has a plug here."""
    return any(is_here(config, plug) for plug in (collector.get("plugs") or {}).values())
