"""The whole release while a benchmark looks at it, and an MQTT client that adds no waiting of its own."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from picket.config import Config, load
from picket_gateway.session import acknowledge_at_once
from tests.bench.figures import progress
from tests.servers.whole import Whole

LOOK_SECONDS = 0.005

OnMessage = Callable[[mqtt.Client, mqtt.MQTTMessage], None]


@contextmanager
def whole_release(**environment: str) -> Iterator[Whole]:
    """Give a release that does not run yet, and stop it in the end."""
    with TemporaryDirectory(prefix="picket-bench-") as folder:
        whole = Whole(Path(folder), **environment)
        try:
            yield whole
        finally:
            whole.stop()


@contextmanager
def running_release(**environment: str) -> Iterator[Whole]:
    """Give a release that is online."""
    with whole_release(**environment) as whole:
        progress("  the release starts")
        whole.start().close()
        yield whole


def config_of(whole: Whole) -> Config:
    """Return the configuration as the release's processes see it."""
    return load(whole.folder / "config" / "picket.yaml", whole.environment)


@contextmanager
def client(port: int, topic: str, on_message: OnMessage) -> Iterator[mqtt.Client]:
    """Give a client that is subscribed to `topic`; `on_message` is called in its own thread.

    It sends at once and has TCP acknowledge at once: left to Nagle and to delayed acknowledgements, a packet of a
    broker without TCP_NODELAY (mosquitto by default) waits 40 ms, and that would be all one measures.
    """
    subscribed = False

    def opened(_client: mqtt.Client, _data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def received(client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        on_message(client, message)
        acknowledge_at_once(client.socket())

    def answered(client: mqtt.Client, *_: Any) -> None:
        acknowledge_at_once(client.socket())

    def subscribed_to(*_: Any) -> None:
        nonlocal subscribed
        subscribed = True

    made = mqtt.Client(CallbackAPIVersion.VERSION2)
    made.on_socket_open = opened
    made.on_message = received
    made.on_publish = answered
    made.on_subscribe = subscribed_to
    made.connect("127.0.0.1", port)
    made.subscribe(topic, qos=1)
    made.loop_start()
    until(lambda: subscribed, 10)
    try:
        yield made
    finally:
        made.disconnect()
        made.loop_stop()


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Wait until a condition holds; False when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True
