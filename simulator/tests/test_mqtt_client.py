"""An appliance's way to a broker, which comes late, goes and comes again."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from picket.config.schema import Mqtt
from picket_simulator.mqtt_client import MqttClient, Will
from tests.servers.mosquitto import PROGRAM
from tests.servers.mqtt import Observer
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed")]
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(params=["mosquitto", "amqtt"])
def start(request: pytest.FixtureRequest, port: int, tmp_path: Path) -> Iterator[Start]:
    """Start a broker, as often as is wanted."""
    (tmp_path / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    commands = {
        "mosquitto": [PROGRAM, "-c", str(tmp_path / "conf")],
        "amqtt": [sys.executable, "-m", "picket_simulator.broker", "--port", str(port)],
    }
    started: list[subprocess.Popen[bytes]] = []

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def start() -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(commands[request.param], stderr=subprocess.DEVNULL))
        wait_for("the broker", listens)
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_it_waits_for_the_broker_and_introduces_itself_each_time(
    start: Start, port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, bytes]] = []
    client = MqttClient(
        Mqtt(port=port),
        "plug",
        connected=lambda: client.publish("sim/plug", b"hello", retain=True),
        heard=lambda topic, payload: told.append((topic, payload)),
        topics=["sim/plug/set"],
    )
    client.publish("sim/plug", b"nobody is there to hear it")
    client.start()
    for _ in range(2):
        broker = start()
        person = Observer(port)
        person.wait("sim/plug", "hello")
        told.clear()
        wait_for("the order", lambda person=person: person.publish("sim/plug/set", "ON") or told)  # type: ignore[misc]
        person.close()
        broker.kill()
        broker.wait()
    client.close()

    assert set(told) == {("sim/plug/set", b"ON")}
    assert "Traceback" not in capfd.readouterr().err


def test_its_will_is_said_when_it_vanishes_and_not_when_it_leaves(start: Start, port: int) -> None:
    start()
    client = MqttClient(
        Mqtt(port=port),
        "plug",
        connected=lambda: client.publish("sim/plug/status", b"online", retain=True),
        will=Will("sim/plug/status", b"offline"),
    )
    person = Observer(port)

    client.start()
    person.wait("sim/plug/status", "online")
    client.vanish()
    person.wait("sim/plug/status", "offline")
    client.start()
    person.wait("sim/plug/status", "online", count=2)
    client.close()
    client.close()

    person.publish("sim/plug/then", "x")
    person.wait("sim/plug/then", "x")
    assert [message.text for message in person.on("sim/plug/status")] == ["online", "offline", "online"]
    person.close()


@pytest.mark.parametrize("is_there", [True, False], ids=["at-a-broker", "while-it-dials"])
def test_it_vanishes_at_once(start: Start, port: int, is_there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picket_simulator.mqtt_client.DIAL_AGAIN_SECONDS", 60)
    greeted: list[bool] = []
    broker = start()
    client = MqttClient(Mqtt(port=port), "plug", connected=lambda: greeted.append(True))
    client.start()
    wait_for("the broker's welcome", lambda: greeted)
    if not is_there:
        broker.kill()
        broker.wait()

    began = time.monotonic()
    client.vanish()

    assert time.monotonic() - began < 10
