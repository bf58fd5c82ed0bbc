"""`picket doctor`: prove the configuration, wiring, permissions, services, broker and clock, a line each."""

import argparse
import os
import socket
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import zmq

from picket.bus import Endpoints
from picket.bus.journal import Query, read_once
from picket.bus.subscriber import Subscriber
from picket.config import Config, load_with_origins
from picket.config.collector import has_simulated_plugs
from picket.errors import BusError, ConfigError, WireError
from picket.health import BEAT_SECONDS
from picket.i2c import open_bus
from picket.messages import Health, decode
from picket.supervisor import Supervisor, SupervisorError

HELP = "check configuration, wiring, permissions, hub, services, broker and clock"
NO_KASA = "is not started: simulated plugs need python-kasa, as by picket-collectors[kasa] or make image KASA=1"
BUILT_AFTER = 1_760_000_000  # no clock that is right shows a time before this was written


class Finding(NamedTuple):
    """What one check found; `mend` says what to do about a bad one."""

    good: bool
    subject: str
    text: str
    mend: str = ""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: there are none."""


def run(_arguments: argparse.Namespace) -> int:
    """Print each finding; return 1 if any is bad."""
    bad = 0
    for finding in findings():
        bad += not finding.good
        print(f"{'ok ' if finding.good else 'BAD'}  {finding.subject:22} {finding.text}")
        if not finding.good and finding.mend:
            print(f"     {'':22} -> {finding.mend}")
    return 1 if bad else 0


def findings() -> Iterator[Finding]:
    """Make every check in turn."""
    try:
        loaded = load_with_origins(collectors=True)
    except ConfigError as error:
        for problem in str(error).splitlines():
            yield Finding(False, "configuration", problem)
        return
    config = loaded.config
    yield Finding(True, "configuration", f"device {config.device}, {loaded.digest()}")
    yield _data_dir(Path(config.data_dir))
    yield from _chips(config)
    hub = _hub(config)
    yield hub
    heard = _hear(config) if hub.good else {}
    if hub.good:
        yield from _services(config, heard)
    yield _broker(config, heard.get("gateway"))
    yield from _supervisor()
    yield _clock()


def _data_dir(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = os.statvfs(folder)
    except OSError as error:
        return Finding(False, "data folder", f"{folder}: {error.strerror}", "set data_dir to a folder that is writable")
    megabytes = free.f_bavail * free.f_frsize / 1e6
    good = os.access(folder, os.W_OK) and megabytes > 50
    return Finding(good, "data folder", f"{folder}, {megabytes:.0f} MB free", "make room, or make it writable")


def _chips(config: Config) -> Iterator[Finding]:
    for kind, boards in (("MCP3424", config.adc_boards), ("MCP23017", config.io_boards)):
        for name, board in boards.items():
            try:
                bus = open_bus(board.bus)
            except OSError as error:
                yield Finding(False, f"bus {board.bus}", str(error), "enable I2C, or give this user the device")
                continue
            for address in board.addresses:
                try:
                    bus.read_byte(address)
                    yield Finding(True, f"{kind} 0x{address:02x}", f"board {name} answers on {board.bus}")
                except OSError as error:
                    text = f"board {name} does not answer on {board.bus}: {error.strerror}"
                    yield Finding(False, f"{kind} 0x{address:02x}", text, "check wiring, power and address jumpers")
            bus.close()


def _hub(config: Config) -> Finding:
    try:
        batch = read_once(Endpoints.of(config), Query(topics=("",), start="latest", limit=1), 2.0)
    except BusError as error:
        return Finding(False, "hub", str(error), "is the release running?")
    return Finding(True, "hub", f"answers; the journal stands at {batch.cursor}")


def _hear(config: Config) -> dict[str, Health]:
    """Hear one beat of each service."""
    heard: dict[str, Health] = {}

    def hear(topic: str, body: bytes) -> None:
        try:
            message = decode(topic, body)
        except WireError:
            return
        if isinstance(message, Health):
            heard[message.service] = message

    context: zmq.Context[Any] = zmq.Context()
    subscriber = Subscriber(context, Endpoints.of(config), ["health."], hear)
    until = time.monotonic() + BEAT_SECONDS + 1
    while (left := until - time.monotonic()) > 0:
        if subscriber.socket.poll(left * 1000):
            subscriber.receive()
    subscriber.close()
    context.term()
    return heard


def _services(config: Config, heard: Mapping[str, Health]) -> Iterator[Finding]:
    """Tell what is at fault in each (a sensor's port, an account): that is known best to itself."""
    yield Finding(bool(heard), "services", f"{len(heard)} report", "is the release running?")
    for service, health in sorted(heard.items()):
        for subject, text in health.faults.items():
            yield Finding(False, service, f"{subject}: {text}")
    for name, source in config.collectors.items():
        if f"collectors.{name}" in heard:
            continue
        if has_simulated_plugs(source, config) and find_spec("kasa") is None:
            yield Finding(True, f"collectors.{name}", NO_KASA)
        else:
            yield Finding(False, f"collectors.{name}", "says nothing", "see its log")


def _broker(config: Config, gateway: Health | None) -> Finding:
    """Take the gateway's word; another container may not even know where the broker is."""
    if gateway:
        fault = gateway.faults.get("broker", "")
        return Finding(not fault, "broker", fault or "the gateway is connected", "set mqtt.host, or start the broker")
    place = f"{config.mqtt.host}:{config.mqtt.port}"
    try:
        socket.create_connection((config.mqtt.host, config.mqtt.port), timeout=3).close()
    except OSError as error:
        return Finding(False, "broker", f"{place}: {error}", "set mqtt.host and mqtt.port, or start the broker")
    return Finding(True, "broker", f"{place} accepts connections")


def _supervisor() -> Iterator[Finding]:
    if supervisor := Supervisor.of():
        try:
            text = f"release {supervisor.release()[:12] or 'none'}, this device is {supervisor.device_name()!r}"
            yield Finding(True, "balena's supervisor", text)
        except SupervisorError as error:
            yield Finding(False, "balena's supervisor", str(error), "is this service's label still there?")


def _clock() -> Finding:
    now = time.time()
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    return Finding(now > BUILT_AFTER, "clock", text, "wait for NTP: commands with issued_at are refused until then")
