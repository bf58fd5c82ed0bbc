import signal
import subprocess
import sys
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def broker() -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "picket_simulator.broker", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            assert f"broker on 127.0.0.1:{port}" in process.stdout.readline()
            yield process, port
        finally:
            process.kill()


def connected(port: int) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv311)
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for("the broker's welcome", client.is_connected)
    return client


def hang_up(*clients: Client) -> None:
    for client in clients:
        client.disconnect()
        client.loop_stop()


def test_retained_messages_and_qos_1_arrive(broker: tuple[subprocess.Popen[str], int]) -> None:
    _, port = broker
    heard: SimpleQueue[MQTTMessage] = SimpleQueue()
    publisher, subscriber = connected(port), connected(port)
    publisher.publish("picket/demo/status", "online", qos=1, retain=True).wait_for_publish(60)

    subscriber.on_message = lambda _client, _data, message: heard.put(message)
    subscriber.subscribe("picket/#", qos=1)
    retained = heard.get(timeout=60)
    publisher.publish("picket/demo/event", "{}", qos=1).wait_for_publish(60)
    live = heard.get(timeout=60)
    hang_up(publisher, subscriber)

    assert (retained.topic, retained.payload, retained.retain) == ("picket/demo/status", b"online", True)
    assert (live.topic, live.payload, live.qos, live.retain) == ("picket/demo/event", b"{}", 1, False)


def test_sigterm_stops_it_cleanly_and_quietly(broker: tuple[subprocess.Popen[str], int]) -> None:
    process, port = broker
    client = connected(port)

    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    hang_up(client)

    assert process.returncode == 0
    assert said == ""


def test_a_taken_port_is_one_line_and_exit_1(broker: tuple[subprocess.Popen[str], int]) -> None:
    _, port = broker
    command = [sys.executable, "-m", "picket_simulator.broker", "--port", str(port)]

    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1
    assert str(port) in second.stderr
