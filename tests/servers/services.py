"""Run services of the release as their containers do: a process each, with one configuration between them."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml
import zmq

from picket.bus import Endpoints
from picket.bus.journal import Entry, Query, read_once
from picket.bus.producer import Producer
from picket.config import load
from picket.errors import BusError
from picket.messages import Message
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for


class Services:
    """A folder with a configuration, and the processes started on it; a context manager that stops them."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        """Write the configuration: a hub on free ports, and `sections`; secrets go in `variables`."""
        ingest, live, request = free_ports(3)
        hub = {"ingest_port": ingest, "live_port": live, "request_port": request}
        self.folder = folder
        self.file = folder / "picket.yaml"
        self.file.write_text(yaml.safe_dump({"device": "demo", "hub": hub, **sections}))
        self.variables: dict[str, str] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def endpoints(self) -> Endpoints:
        """Say where the hub is."""
        return Endpoints.of(load(self.file, {}))

    def __enter__(self) -> "Services":
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._processes)):
            self.stop(name)

    def start(self, name: str) -> None:
        """Run `python -m picket_<name>` in the folder; the hub is waited for."""
        environment = {**os.environ, "PICKET_CONFIG": str(self.file), **self.variables}
        command = [sys.executable, "-m", f"picket_{name}"]
        with self.log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        if name == "hub":
            wait_for(lambda: self._running(name) and self.journal("fault.") is not None, "the hub")

    def stop(self, name: str, *, kill: bool = False) -> None:
        """Stop one with SIGTERM, or with SIGKILL."""
        process = self._processes.pop(name)
        (process.kill if kill else process.terminate)()
        process.wait(15)

    def log(self, name: str) -> Path:
        """Name the file with a service's output."""
        return self.folder / f"{name}.log"

    def journal(self, *topics: str) -> list[Entry] | None:
        """Return what the hub has stored of some topics, or None while it does not answer."""
        try:
            return read_once(self.endpoints, Query(topics, limit=1000), 1.0).entries
        except BusError:
            return None

    def consumers(self) -> set[str]:
        """Name the consumers that have read of the journal."""
        with closing(sqlite3.connect(f"file:{self.folder / 'var/journal.sqlite'}?mode=ro", uri=True)) as journal:
            return {name for (name,) in journal.execute("SELECT consumer FROM cursors")}

    def publish(self, messages: Iterable[tuple[str, Message]], device: str = "demo") -> None:
        """Send messages as a service would, and wait until the hub has committed them."""
        context: zmq.Context[Any] = zmq.Context()
        producer = Producer(context, self.endpoints, "test", device)
        for topic, message in messages:
            producer.publish(topic, message)
        committed = producer.flush(20)
        producer.close()
        context.term()
        assert committed, "the hub did not take the messages"

    def _running(self, name: str) -> bool:
        assert self._processes[name].poll() is None, self.log(name).read_text()
        return True
