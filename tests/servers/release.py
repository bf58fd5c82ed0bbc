"""Processes of the release on ports of their own: what tests start, look at and end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import zmq

from picket.bus import Endpoints
from picket.bus.journal import Entry, Query, read_once
from picket.bus.producer import Producer
from picket.bus.subscriber import Subscriber
from picket.config import Config, load
from picket.errors import BusError

Found = TypeVar("Found")


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that are free now, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(what: str, look: Callable[[], Found], seconds: float = 15.0) -> Found:
    """Look again and again until something is found, and return it; fails by name when time is up."""
    deadline = time.monotonic() + seconds
    pause = socket.socketpair()
    pause[0].settimeout(0.02)
    try:
        while True:
            found = look()
            if found:
                return found
            assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
            with suppress(TimeoutError):
                pause[0].recv(1)
    finally:
        for end in pause:
            end.close()


class Release:
    """A configuration of its own under `folder`, and the processes started with it."""

    def __init__(self, folder: Path, extra: str = "", **environment: str) -> None:
        """Write a configuration with free ports, and `extra` YAML sections; nothing runs yet."""
        ingest, live, request, mqtt, bus, control = free_ports(6)
        self.folder = folder
        self.mqtt_port = mqtt
        self.file = folder / "picket.yaml"
        self.file.write_text(
            "device: test\n"
            f"data_dir: {folder}/data\n"
            f"hub: {{ingest_port: {ingest}, live_port: {live}, request_port: {request}}}\n"
            f"mqtt: {{port: {mqtt}, keepalive_seconds: 2}}\n"
            f"simulator: {{bus_port: {bus}, control_port: {control}}}\n"
            + extra.replace("BUS", f"sim://127.0.0.1:{bus}")
        )
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PICKET", "MQTT_", "INFLUX_"))}
        self.environment = {**kept, "PICKET_CONFIG": str(self.file), "PYTHONUNBUFFERED": "1", **environment}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.context: zmq.Context[Any] = zmq.Context()

    @property
    def config(self) -> Config:
        """The configuration as the processes see it."""
        return load(self.file, self.environment)

    @property
    def endpoints(self) -> Endpoints:
        """Where the hub is."""
        return Endpoints.of(self.config)

    def start(self, module: str, *arguments: str, name: str = "") -> subprocess.Popen[bytes]:
        """Start `python -m module`; what it prints goes to <name>.log in the folder."""
        name = name or module
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.processes[name] = process
        return process

    def start_hub(self) -> subprocess.Popen[bytes]:
        """Start the hub and wait until it answers."""
        process = self.start("picket_hub")
        wait_for("the hub", self.answers)
        return process

    def answers(self) -> bool:
        """Tell whether the hub answers."""
        try:
            read_once(self.endpoints, Query(topics=("",), start="latest"), 0.5)
        except BusError:
            return False
        return True

    def log(self, name: str) -> str:
        """Return what a process has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Signal a process and wait for its end."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(timeout=15)

    def journal(self, *topics: str) -> list[Entry]:
        """Return all that the journal holds of these topics."""
        found: list[Entry] = []
        after = 0
        while True:
            batch = read_once(self.endpoints, Query(topics=topics or ("",), after=after, limit=1000))
            found += batch.entries
            after = batch.cursor
            if len(batch.entries) < 1000:
                return found

    def producer(self, name: str) -> Producer:
        """Return a producer of this test's own."""
        return Producer(self.context, self.endpoints, name, "test")

    @contextmanager
    def hearing(self, *prefixes: str) -> Iterator[Callable[[], list[tuple[str, bytes]]]]:
        """Hear live messages; the value returns all that came so far."""
        heard: list[tuple[str, bytes]] = []
        subscriber = Subscriber(self.context, self.endpoints, prefixes, lambda topic, body: heard.append((topic, body)))

        def so_far() -> list[tuple[str, bytes]]:
            subscriber.receive()
            return heard

        try:
            yield so_far
        finally:
            subscriber.close()

    def close(self) -> None:
        """End every process, the last started first."""
        for name in reversed(list(self.processes)):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.context.destroy(linger=0)
