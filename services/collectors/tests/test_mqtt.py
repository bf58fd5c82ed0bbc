"""A subscription at real brokers: mosquitto, and the one in memory of machines without it."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from picket.config import Config
from picket.config.schema import Mqtt, Tls
from picket_collectors.mqtt import Message, Subscription
from picket_collectors.source import Site, SourceError, Stopped
from tests.servers.mosquitto import PROGRAM, Mosquitto, listens
from tests.servers.mqtt import Observer
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed")]


@pytest.fixture(params=["mosquitto", "amqtt"])
def port(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """Run each broker."""
    (port,) = free_ports(1)
    if request.param == "mosquitto":
        with Mosquitto(tmp_path, port):
            yield port
        return
    with subprocess.Popen([sys.executable, "-m", "picket_simulator.broker", "--port", str(port)]) as process:
        try:
            wait_for("the broker", lambda: listens(port))
            yield port
        finally:
            process.kill()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path, free_ports(1)[0]) as broker:
        yield broker


def somebody(port: int) -> Observer:
    """Return one who is connected, to publish."""
    observer = Observer(port, "none")
    wait_for("the broker's welcome", observer._client.is_connected)
    return observer


def at(port: int, stopping: Any = lambda: False, **mqtt: Any) -> Site:
    def pause(seconds: float) -> None:
        if stopping():
            raise Stopped
        time.sleep(seconds)

    settings = Mqtt(port=port, **{"keepalive_seconds": 30, **mqtt})
    return Site("zigbee", Config(device="test", mqtt=settings), time.monotonic, pause)


def heard(subscription: Subscription, count: int) -> list[Message]:
    found: list[Message] = []
    wait_for(f"{count} messages", lambda: found.extend(subscription.receive(0.5)) or len(found) >= count)
    return found


def test_what_is_retained_comes_first_in_the_order_of_the_topics_and_then_what_is_new(port: int) -> None:
    observer = somebody(port)
    observer.publish("z/lamp", "old", retain=True)
    observer.publish("z/bridge/devices", "[]", retain=True)

    with closing(Subscription(at(port), ["z/bridge/devices", "z/+"])) as subscription:
        kept = heard(subscription, 2)
        observer.publish("z/lamp", "new", retain=True)
        observer.publish("z/lamp/set", "ON")
        observer.publish("z/shed/lamp", "not asked for")
        new = heard(subscription, 1)
        subscription.add(["z/shed/lamp"])
        wait_for("the broker's word", lambda: subscription.receive(0.1) or not subscription._asked)
        observer.publish("z/shed/lamp", "asked for")
        more = heard(subscription, 1)
    observer.close()

    assert kept == [Message("z/bridge/devices", b"[]", True), Message("z/lamp", b"old", True)]
    assert new == [Message("z/lamp", b"new", False)]
    assert more == [Message("z/shed/lamp", b"asked for", False)]


def test_nothing_is_heard_for_no_longer_than_was_asked_for(port: int) -> None:
    with closing(Subscription(at(port), ["z/#"])) as subscription:
        began = time.monotonic()
        assert subscription.receive(0.5) == []

    assert 0.4 < time.monotonic() - began < 10


def test_a_connection_that_is_idle_is_kept(port: int) -> None:
    observer = somebody(port)
    with closing(Subscription(at(port, keepalive_seconds=6), ["z/#"])) as subscription:
        until = time.monotonic() + 10  # a broker hangs up after one and a half of it
        while time.monotonic() < until:
            assert subscription.receive(1) == []
        observer.publish("z/lamp", "ON")
        assert heard(subscription, 1)[0].payload == b"ON"
    observer.close()


def test_a_large_message_comes_whole(port: int) -> None:
    observer = somebody(port)
    with closing(Subscription(at(port), ["z/#"])) as subscription:
        observer.publish("z/bridge/devices", b"x" * 1_000_000)
        assert len(heard(subscription, 1)[0].payload) == 1_000_000
    observer.close()


def test_a_broker_that_ends_is_said_and_what_was_heard_before_is_given_first(mosquitto: Mosquitto) -> None:
    observer = somebody(mosquitto.port)
    with closing(Subscription(at(mosquitto.port), ["z/#"])) as subscription:
        observer.publish("z/lamp", "ON")
        assert heard(subscription, 1)
        mosquitto.kill()
        with pytest.raises(SourceError, match=rf"^broker 127.0.0.1:{mosquitto.port}: .*connection"):
            wait_for("the loss", lambda: subscription.receive(1))
    observer.close()


def test_a_broker_that_hangs_is_noticed(mosquitto: Mosquitto) -> None:
    assert mosquitto.process
    with closing(Subscription(at(mosquitto.port, keepalive_seconds=2), ["z/#"])) as subscription:
        mosquitto.process.send_signal(signal.SIGSTOP)
        with pytest.raises(SourceError, match="broker"):
            wait_for("the loss", lambda: subscription.receive(1))


def test_a_broker_that_is_away_is_an_os_error() -> None:
    with pytest.raises(OSError, match="refused"):
        Subscription(at(free_ports(1)[0]), ["z/#"])


def test_a_server_that_is_no_broker_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(SourceError, match="does not answer"):
        Subscription(at(mute.getsockname()[1], keepalive_seconds=60), ["z/#"])


@pytest.mark.parametrize(
    "mqtt",
    [
        pytest.param({}, id="nobody"),
        pytest.param({"username": "hut", "password": "wrong"}, id="wrong-password"),
        pytest.param({"username": "other", "password": "secret"}, id="unknown-user"),
    ],
)
def test_who_is_not_let_in_is_told_which_settings_to_look_at(tmp_path: Path, mqtt: dict[str, str]) -> None:
    (tmp_path / "users").write_text("hut:$7$101$AAAA$AAAA\n")
    doors = ("allow_anonymous false", f"password_file {tmp_path}/users")
    with (
        Mosquitto(tmp_path, free_ports(1)[0], *doors) as broker,
        pytest.raises(SourceError, match=r"refuses the connection: Not authorized .mqtt.username") as raised,
    ):
        Subscription(at(broker.port, **mqtt), ["z/#"])
    assert "secret" not in str(raised.value)
    assert "wrong" not in str(raised.value)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_broker_with_tls_is_believed_by_its_authority_alone(tmp_path: Path) -> None:
    key, certificate, port = tmp_path / "key", tmp_path / "certificate", free_ports(1)[0]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *files], check=True, capture_output=True)
    broker = Mosquitto(tmp_path, port, f"certfile {certificate}", f"keyfile {key}")
    broker.start()
    try:
        with closing(Subscription(at(port, tls=Tls(ca_file=str(certificate))), ["z/#"])) as subscription:
            command = [
                "mosquitto_pub",
                "-p",
                str(port),
                "-h",
                "127.0.0.1",
                "--cafile",
                str(certificate),
                "-t",
                "z/list",
            ]
            (tmp_path / "list").write_bytes(b"x" * 500_000)
            subprocess.run([*command, "-f", str(tmp_path / "list")], check=True)
            assert len(heard(subscription, 1)[0].payload) == 500_000
        with pytest.raises(OSError, match="certificate verify failed"):
            Subscription(at(port, tls=Tls()), ["z/#"])
        with pytest.raises(OSError, match=r"broke|reset"):
            Subscription(at(port), ["z/#"])
    finally:
        broker.kill()


def test_a_server_that_speaks_something_else_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"\x15\xff\xff\xff\xff\xff"), daemon=True).start()
        with pytest.raises(SourceError, match=r"speaks no MQTT|broke"):
            Subscription(at(server.getsockname()[1]), ["z/#"])


def test_the_process_may_end_while_the_broker_is_silent(mosquitto: Mosquitto) -> None:
    until = time.monotonic() + 1
    with (
        closing(Subscription(at(mosquitto.port, lambda: time.monotonic() > until), ["z/#"])) as subscription,
        pytest.raises(Stopped),
    ):
        subscription.receive(60)
    assert time.monotonic() < until + 20


def test_opening_it_again_and_again_leaves_nothing_open(mosquitto: Mosquitto) -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    Subscription(at(mosquitto.port), ["z/#"]).close()
    gc.collect()
    before = files()
    gc.disable()
    try:
        for _ in range(20):
            Subscription(at(mosquitto.port), ["z/#"]).close()
            with pytest.raises(OSError, match="refused"):
                Subscription(at(1), ["z/#"])
    finally:
        gc.enable()
    assert files() <= before + 2
