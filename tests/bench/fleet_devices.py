"""Simulated devices of a fleet, in a process of their own: `python -m tests.bench.fleet_devices ADDRESS CERTIFICATE N`.

Each is what our agent is to the server: a question for its state that waits 90 s, a report of metrics every 5 minutes,
and a log that is one long request with a line every 10 s. Beside them, N times a second, one asks as balena's
supervisor does every 10 minutes, and the time until the answer is taken.

in   a device a line: {"uuid", "key", "running"}, an empty line, then a line for each look that is to be told
out  a line for each look, of the time since the last one:
     {"waiting", "probes": [seconds], "reports": [seconds], "errors", "heard": {commit: [seconds]}}
     `heard` are the moments (monotonic) at which devices were first told of a release
"""

import asyncio
import base64
import hashlib
import json
import random
import ssl
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from picket_fleet.deltas.codec import dcz, decompress

WAIT_SECONDS = 90
REPORT_SECONDS = 300.0
LINE_SECONDS = 10.0
AGENT = "application/vnd.picket.state+json"


class Look:
    """What was seen since the last look."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.probes: list[float] = []
        self.reports: list[float] = []
        self.heard: dict[str, list[float]] = defaultdict(list)
        self.errors = 0


class Devices:
    """All devices of this process."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        """Wait for devices."""
        self._session, self._address = session, address
        self.look = Look()
        self.waiting = 0

    async def live(self, device: dict[str, str]) -> None:
        """Ask, report and log for as long as this process lives; begin at any moment of the interval."""
        await asyncio.gather(self._ask(device), self._report(device), self._log(device))

    async def _ask(self, device: dict[str, str]) -> None:
        etag, last, running = "", b"", device["running"]
        while True:
            headers = {
                "Accept": AGENT,
                "Accept-Encoding": "dcz, zstd",
                "Picket-Release": running,
                "Picket-Wait": str(WAIT_SECONDS),
                "If-None-Match": etag,
            }
            if last:
                digest = base64.b64encode(hashlib.sha256(last).digest()).decode()
                headers["Available-Dictionary"] = f":{digest}:"
            self.waiting += 1
            try:
                status, answer, body = await self._call("GET", f"/device/v3/{device['uuid']}/state", device, headers)
            except (aiohttp.ClientError, TimeoutError):
                self.look.errors += 1
                await asyncio.sleep(1)
                continue
            finally:
                self.waiting -= 1
            if status == 200:
                etag, last = answer["ETag"], _decoded(answer.get("Content-Encoding", ""), body, last)
                release = json.loads(last)["release"]
                if release and release["commit"] != running:
                    running = release["commit"]
                    self.look.heard[running].append(time.monotonic())
            elif status != 304:
                self.look.errors += 1
                await asyncio.sleep(1)

    async def _report(self, device: dict[str, str]) -> None:
        chance, told = random.Random(device["uuid"]), b""
        await asyncio.sleep(chance.random() * REPORT_SECONDS)
        while True:
            metrics = {"cpu_usage": chance.randrange(100), "memory_usage": chance.randrange(400), "cpu_temp": 51}
            body = json.dumps({device["uuid"]: metrics}).encode()
            headers = {"Content-Type": "application/json", "Content-Encoding": "dcz"}
            begin = time.monotonic()
            try:
                status, _, _ = await self._call("PATCH", "/device/v3/state", device, headers, dcz(body, told))
                self.look.errors += status != 200
                told = body if status == 200 else b""
            except (aiohttp.ClientError, TimeoutError):
                self.look.errors += 1
            self.look.reports.append(time.monotonic() - begin)
            await asyncio.sleep(REPORT_SECONDS)

    async def _log(self, device: dict[str, str]) -> None:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}
        await asyncio.sleep(random.random() * LINE_SECONDS)
        while True:
            try:
                await self._call("POST", f"/device/v2/{device['uuid']}/log-stream", device, headers, _lines())
            except (aiohttp.ClientError, TimeoutError):
                self.look.errors += 1
                await asyncio.sleep(1)

    async def probe(self, devices: list[dict[str, str]], times_a_second: float) -> None:
        """Ask as a supervisor that has the state does, each time for another device."""
        etags: dict[str, str] = {}
        while True:
            for device in devices:
                headers = {"If-None-Match": etags.get(device["uuid"], "")}
                begin = time.monotonic()
                try:
                    _, answer, _ = await self._call("GET", f"/device/v3/{device['uuid']}/state", device, headers)
                    etags[device["uuid"]] = answer.get("ETag", "")
                except (aiohttp.ClientError, TimeoutError):
                    self.look.errors += 1
                taken = time.monotonic() - begin
                self.look.probes.append(taken)
                await asyncio.sleep(max(0.0, 1 / times_a_second - taken))

    async def _call(
        self, method: str, path: str, device: dict[str, str], headers: dict[str, str], body: Any = None
    ) -> tuple[int, Any, bytes]:
        headers = {**headers, "Authorization": f"Bearer {device['key']}"}
        async with self._session.request(method, self._address + path, headers=headers, data=body) as answer:
            return answer.status, answer.headers, await answer.read()


async def _lines() -> AsyncIterator[bytes]:
    compress, number = zlib.compressobj(wbits=31), 0
    while True:
        line = {"message": f"sample {number}: 24.3 C, 51 %", "timestamp": round(time.time() * 1000), "serviceId": 1}
        yield compress.compress(json.dumps(line).encode() + b"\n") + compress.flush(zlib.Z_SYNC_FLUSH)
        number += 1
        await asyncio.sleep(LINE_SECONDS)


def _decoded(encoding: str, body: bytes, dictionary: bytes) -> bytes:
    if encoding == "dcz":
        return decompress(body[40:], dictionary)
    return decompress(body) if encoding == "zstd" else body


async def main(address: str, certificate: str, probes: str) -> None:
    """Run the devices that standard input names."""
    context = ssl.create_default_context(cafile=certificate)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        devices, own, tasks = Devices(session, address), [], []
        while line := (await reader.readline()).strip():
            own.append(json.loads(line))
        for device in own:
            tasks.append(asyncio.create_task(devices.live(device)))
            await asyncio.sleep(0.01)  # not all at one moment: that is another measurement
        if float(probes):
            tasks.append(asyncio.create_task(devices.probe(own, float(probes))))
        while await reader.readline():
            look, devices.look = devices.look, Look()
            print(json.dumps({"waiting": devices.waiting, **vars(look)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
