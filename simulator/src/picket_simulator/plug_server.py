"""A Kasa plug on the network: what carries its words, by the old protocol or the new one.

    XOR    TCP  length:u32be, then JSON: each byte XORed with the encrypted one before it, the first with 171
           UDP  the same without the length
    KLAP   TCP  HTTP, see klap.py
           UDP  02 00 00 01 ... (16 bytes), answered by as long a head and {"result":{"mac": ...}}

A real one has a port for each; here one port takes both, and a plug hangs up on what it does not speak.
"""

import json
import random
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from socketserver import StreamRequestHandler
from typing import Any, Literal, Protocol, Self

from picket_simulator.fault import CLEAR, FOREVER, Fault
from picket_simulator.klap import Klap
from picket_simulator.listener import Listener, Listening

FIRST_KEY = 171
LONGEST = 65536
NEW_HEAD = bytes.fromhex("02000001000000000000000000000000")
TICK_SECONDS = 0.2

Speaks = Literal["XOR", "KLAP 1", "KLAP 2"]


class Device(Protocol):
    """What answers, whoever carries the words."""

    mac: str

    def answer(self, asked: Any, now: float) -> Any:
        """Return what is said to what was asked, both as JSON's values."""
        ...


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


class PlugServer(Listening):
    """One plug on the network: there while it is entered."""

    client = _Client

    def __init__(
        self, host: str, port: int, device: Device, speaks: Speaks = "XOR", username: str = "", password: str = ""
    ) -> None:
        """Listen nowhere yet; port 0 is any. One that speaks KLAP lets in who knows the account."""
        super().__init__(host, port)
        self.device = device
        self.speaks = speaks
        self.connections = 0
        self.klap = Klap(1 if speaks == "KLAP 1" else 2, username, password, self.answer)
        self._known_auth = self.klap.auth
        self._fault = Fault("silent", "garbage", "unplug", "password")
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Plug it in; raises OSError."""
        with ExitStack() as opened:
            super().__enter__()
            opened.callback(super().__exit__)
            datagrams = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            datagrams.bind((self.host, self.port))
            datagrams.settimeout(TICK_SECONDS)
            stopping = threading.Event()
            thread = threading.Thread(target=self._hear, args=(datagrams, stopping), daemon=True)
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
        self._fault.begin(kind, time.monotonic(), seconds)
        self.klap.forget()

    def fault_now(self) -> str:
        """Name the fault of this moment; "clear" is none."""
        kind = self._fault.at(time.monotonic())
        self.klap.auth = b"" if kind == "password" else self._known_auth
        return kind

    def answer(self, asked: Any) -> Any:
        """Ask the device, now."""
        return self.device.answer(asked, time.monotonic())

    def _hear(self, datagrams: socket.socket, stopping: threading.Event) -> None:
        while not stopping.is_set():
            with suppress(OSError, ValueError, AttributeError):  # nothing came, or no question
                asked, sender = datagrams.recvfrom(LONGEST)
                if self.fault_now() == CLEAR and (said := self._call_back(asked)):
                    datagrams.sendto(said, sender)

    def _call_back(self, asked: bytes) -> bytes:
        """Answer who asks for plugs, each kind its own question."""
        if self.speaks == "XOR":
            return encrypted(json.dumps(self.answer(json.loads(decrypted(asked)))).encode())
        if len(asked) < len(NEW_HEAD) or asked[:2] != NEW_HEAD[:2]:
            return b""
        mac = self.device.mac.replace(":", "-")
        return NEW_HEAD + json.dumps({"result": {"mac": mac, "device_type": "IOT.SMARTPLUGSWITCH"}}).encode()


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
