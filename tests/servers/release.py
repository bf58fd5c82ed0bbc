"""Single services of the release, a process each, with one configuration between them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import yaml
import zmq

from picket.bus import Endpoints
from picket.bus.journal import Entry, Query, read_once
from picket.bus.producer import Producer
from picket.bus.subscriber import Subscriber
from picket.config import Config, load
from picket.errors import BusError
from picket.messages import Message
from picket_hub.rescue import Remains
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

# What would change the configuration is the test's to set.
OURS = ("PICKET", "MQTT_", "INFLUX_", "SLACK_", "SENTRY_", "RSYSLOG_")


class Release:
    """A configuration of its own, and the processes started with it: a context manager that ends them."""

    def __init__(self, folder: Path, extra: str = "", **sections: Any) -> None:
        """Write a configuration with free ports, `sections`, and `extra` YAML; nothing runs yet.

        The simulator's bus is BUS in `extra`; variables go into `environment`.
        """
        ingest, live, request, mqtt, bus, control = free_ports(6)
        self.folder = folder
        self.mqtt_port = mqtt
        self.file = folder / "picket.yaml"
        configuration = {
            "device": "test",
            "data_dir": str(folder / "data"),
            "hub": {"ingest_port": ingest, "live_port": live, "request_port": request},
            "mqtt": {"port": mqtt, "keepalive_seconds": 30},  # a short one costs a connection where a machine stalls
            "simulator": {"bus_port": bus, "control_port": control},
            **sections,
        }
        self.file.write_text(
            yaml.safe_dump(configuration, sort_keys=False) + extra.replace("BUS", f"sim://127.0.0.1:{bus}")
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.environment = {**kept, "PICKET_CONFIG": str(self.file), "PYTHONUNBUFFERED": "1"}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.context: zmq.Context[Any] = zmq.Context()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

        def up() -> bool:
            assert process.poll() is None, self.log("picket_hub")
            return self.answers()

        wait_for("the hub", up)
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
        return process.wait(timeout=60)

    def journal(self, *topics: str) -> list[Entry]:
        """Return all that the journal holds of these topics."""
        found: list[Entry] = []
        after = 0
        while True:
            batch = read_once(self.endpoints, Query(topics=topics or ("",), after=after, limit=1000), 30)
            found += batch.entries
            after = batch.cursor
            if not batch.entries:
                return found

    def consumers(self) -> set[str]:
        """Name the consumers that have read of the journal."""
        with closing(Remains(Path(self.config.data_dir) / "journal.sqlite")) as remains:
            return {name for kind, name in remains.survey() if kind == "cursor"}

    def producer(self, name: str) -> Producer:
        """Return a producer of this test's own."""
        return Producer(self.context, self.endpoints, name, "test")

    def publish(self, *messages: tuple[str, Message]) -> None:
        """Publish messages by topic, and wait until the hub has committed them."""
        producer = self.producer("test")
        for topic, message in messages:
            producer.publish(topic, message)
        committed = producer.flush(60)
        producer.close()
        assert committed, "the hub did not take the messages"

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
        """End every process, the last started first; fails by name for one that had to be killed."""
        stuck = []
        for name in reversed(list(self.processes)):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                stuck.append(name)
                process.kill()
                process.wait()
        self.context.destroy(linger=0)
        assert not stuck, f"SIGTERM did not end {', '.join(stuck)}"
