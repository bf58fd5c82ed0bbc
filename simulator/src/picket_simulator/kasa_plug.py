"""TP-Link Kasa plugs, of old firmware and of new, at the addresses that `kasa` collectors ask.

    XOR    TCP  length:u32be, then JSON: each byte XORed with the encrypted one before it, the first with 171
           UDP  the same without the length
    KLAP   TCP  HTTP, see klap.py
           UDP  02 00 00 01 ... (16 bytes), answered by as long a head and {"result":{"mac": ...}}

    {"system":{"get_sysinfo":{}},"emeter":{"get_realtime":{}}}     each command of each module is answered in its place
    {"system":{"get_sysinfo":{"alias": ..., "relay_state": 1, ..., "err_code": 0}}, "emeter": ...}

A real one has a port for each; here one port takes both, and a plug hangs up on what it does not speak.
"""

import json
import logging
import math
import random
import socket
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from socketserver import StreamRequestHandler
from typing import Any, Literal, Protocol

from picket.config import Config
from picket_simulator.klap import Klap
from picket_simulator.listener import Listener

LOG = logging.getLogger(__name__)
FAULTS = ("silent", "garbage", "unplug", "password", "clear")
FOREVER = float("inf")
FIRST_KEY = 171
LONGEST = 65536
MODULES = ("system", "emeter", "schedule", "time")
UTC = 39
NOT_KNOWN = {"err_code": -1, "err_msg": "module not support"}
NEW_HEAD = bytes.fromhex("02000001000000000000000000000000")
TICK_SECONDS = 0.2

Speaks = Literal["XOR", "KLAP 1", "KLAP 2"]


class Device(Protocol):
    """What answers, whoever carries the words."""

    mac: str

    def answer(self, asked: Any, now: float) -> Any:
        """Return what is said to what was asked, both as JSON's values."""
        ...


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


class PlugServer:
    """One plug on the network: a context manager that is there while it is entered."""

    def __init__(
        self, host: str, port: int, device: Device, speaks: Speaks = "XOR", username: str = "", password: str = ""
    ) -> None:
        """Listen nowhere yet; port 0 is any. One that speaks KLAP lets in who knows the account."""
        self.device = device
        self.speaks = speaks
        self.connections = 0
        self.klap = Klap(1 if speaks == "KLAP 1" else 2, username, password, self.answer)
        self._known_auth = self.klap.auth
        self.host, self.port = host, port
        self._fault = ("clear", FOREVER)
        self._open = ExitStack()

    def __enter__(self) -> "PlugServer":
        """Plug it in; raises OSError."""
        with ExitStack() as opened:
            listener = Listener(self.host, self.port, _Client, self)
            opened.callback(listener.server_close)
            self.port = listener.port
            datagrams = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            datagrams.bind((self.host, self.port))
            datagrams.settimeout(TICK_SECONDS)
            stopping = threading.Event()
            thread = threading.Thread(target=self._hear, args=(datagrams, stopping), daemon=True)
            listener.start()
            opened.callback(listener.shutdown)
            thread.start()
            opened.callback(thread.join)
            opened.callback(stopping.set)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Pull it out."""
        self._open.close()
        self.klap.forget()

    def fault(self, kind: str, seconds: float = FOREVER) -> None:
        """Be silent, send garbage, hang up on all, know another password, or clear that. Raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"expected a fault of {', '.join(FAULTS)}, got {kind}")
        self._fault = (kind, time.monotonic() + seconds)
        self.klap.forget()

    def fault_now(self) -> str:
        """Name the fault of this moment; "clear" is none."""
        kind, until = self._fault
        kind = kind if time.monotonic() < until else "clear"
        self.klap.auth = b"" if kind == "password" else self._known_auth
        return kind

    def answer(self, asked: Any) -> Any:
        """Ask the device, now."""
        return self.device.answer(asked, time.monotonic())

    def _hear(self, datagrams: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with suppress(OSError, ValueError, AttributeError):  # nothing came, or no question
                asked, sender = datagrams.recvfrom(LONGEST)
                if self.fault_now() == "clear" and (said := self._call_back(asked)):
                    datagrams.sendto(said, sender)

    def _call_back(self, asked: bytes) -> bytes:
        """Answer who asks for plugs, each kind its own question."""
        if self.speaks == "XOR":
            return encrypted(json.dumps(self.answer(json.loads(decrypted(asked)))).encode())
        if len(asked) < len(NEW_HEAD) or asked[:2] != NEW_HEAD[:2]:
            return b""
        mac = self.device.mac.replace(":", "-")
        return NEW_HEAD + json.dumps({"result": {"mac": mac, "device_type": "IOT.SMARTPLUGSWITCH"}}).encode()


class _Client(StreamRequestHandler):
    """One connection; it lasts for as many questions as the other likes."""

    server: Listener

    def handle(self) -> None:
        self.plug: PlugServer = self.server.served
        self.plug.connections += 1
        self.connection.settimeout(60)
        with suppress(OSError, ValueError, AttributeError):  # it hung up, or said what is no question
            while head := self.rfile.read(4):
                fault = self.plug.fault_now()
                if fault == "unplug" or (head == b"POST") is (self.plug.speaks == "XOR"):
                    return
                said = self._http() if head == b"POST" else self._xor(*struct.unpack(">I", head))
                if fault == "garbage":
                    said = random.randbytes(len(said))
                if fault != "silent":
                    self.wfile.write(said)

    def _xor(self, length: int) -> bytes:
        said = encrypted(json.dumps(self.plug.answer(json.loads(decrypted(self.rfile.read(length))))).encode())
        return struct.pack(">I", len(said)) + said

    def _http(self) -> bytes:
        path, _, query = self.rfile.readline().split()[0].decode().partition("?")
        fields = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        cookies = dict(cookie.strip().split("=", 1) for cookie in fields.get("cookie", "").split(";") if "=" in cookie)
        body = self.rfile.read(int(fields.get("content-length", 0)))
        status, said, cookie = self.plug.klap.post(path, query, cookies.get("TP_SESSIONID", ""), body)
        head = f"HTTP/1.1 {status} -\r\nContent-Length: {len(said)}\r\nContent-Type: application/octet-stream\r\n"
        return (head + (f"Set-Cookie: {cookie}\r\n" if cookie else "") + "\r\n").encode() + said


def encrypted(text: bytes) -> bytes:
    """Return what goes over the wire."""
    key, data = FIRST_KEY, bytearray()
    for byte in text:
        key ^= byte
        data.append(key)
    return bytes(data)


def decrypted(data: bytes) -> bytes:
    """Return what was meant."""
    return bytes(byte ^ key for key, byte in zip([FIRST_KEY, *data], data, strict=False))


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

    def __enter__(self) -> "KasaPlugs":
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
