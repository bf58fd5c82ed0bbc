import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from picket.config import Config
from picket.config.load import collector_kinds
from picket.config.schema import Broker, BrokerClient, Mqtt
from picket_mosquitto.files import BASE_TOPICS, PACKET_BYTES, access, hashed, users, write
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

MOSQUITTO = shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin")


def config(folder: Path = Path("/data"), *, home: str = "", **more: Any) -> Config:
    clients = {
        "shed": BrokerClient(password="spade", topics=["node/shed/#"]),
        "zigbee": BrokerClient(password="radio", topics=["zigbee2mqtt/#", "homeassistant/+/+/+/config"]),
        "guest": BrokerClient(topics=["guest/#"]),
    }
    return Config(
        device="hut",
        data_dir=str(folder),
        mqtt=Mqtt(username="hut", password="by chance"),
        broker=Broker(password=home, **more or {"clients": clients}),
        collectors={
            "host": {"kind": "host"},
            "zigbee": {"kind": "zigbee2mqtt"},
            "nodes": {"kind": "nodes", "base_topic": "node"},
            "odd": {"kind": "nodes", "base_topic": "#"},
        },
    )


def test_a_hash_is_mosquittos_own() -> None:
    # As mosquitto_passwd 2.0.11 made it of "secret".
    assert hashed("secret", b"\0" * 12).startswith("$7$101$AAAAAAAAAAAAAAAA$")
    assert len(hashed("secret")) == len("$7$101$") + 16 + 1 + 88


def test_without_a_password_nobody_but_the_device_is_a_user() -> None:
    alone, open_to_home = users(config(clients={})), users(config(home="x", clients={}))

    assert [line.split(":")[0] for line in alone.splitlines()] == ["hut"]
    assert [line.split(":")[0] for line in open_to_home.splitlines()] == ["home", "hut"]


def test_no_client_takes_the_device_s_or_home_s_place() -> None:
    clients = {name: BrokerClient(password="x", topics=["x/#"]) for name in ("hut", "home")}

    made = config(home="secret", clients=clients)

    assert "topic readwrite x/#" not in access(made)
    assert [line.split(":")[0] for line in users(made).splitlines()] == ["hut", "home"]
    assert access(made).count("user ") == 2


def test_a_client_with_a_password_is_a_user_and_one_without_is_none() -> None:
    assert [line.split(":")[0] for line in users(config()).splitlines()] == ["shed", "zigbee", "hut"]
    assert "spade" not in users(config())


def test_a_device_may_write_what_is_its_own_and_hear_its_collectors_topics_and_home_everything() -> None:
    assert access(config()) == (
        "user shed\ntopic readwrite node/shed/#\n\n"
        "user zigbee\ntopic readwrite zigbee2mqtt/#\ntopic readwrite homeassistant/+/+/+/config\n\n"
        "user guest\ntopic readwrite guest/#\n\n"
        "user hut\ntopic readwrite picket/hut/#\ntopic readwrite homeassistant/device/picket_hut/#\n"
        "topic read homeassistant/status\ntopic read zigbee2mqtt/#\ntopic read node/#\n\n"
        "user home\ntopic readwrite #\n"
    )


@pytest.mark.parametrize("kind", BASE_TOPICS)
def test_a_collector_that_names_no_topic_listens_where_its_source_says(kind: str) -> None:
    source = collector_kinds()[kind]

    assert msgspec.convert({"kind": kind}, source).base_topic == BASE_TOPICS[kind]  # type: ignore[attr-defined]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Run the real broker with the files as they are written, on a port of the loopback."""
    (port,) = free_ports(1)
    file = write(config(tmp_path, home="secret"))
    file.write_text(file.read_text().replace("listener 1883", f"listener {port} 127.0.0.1\nuser root"))
    process = subprocess.Popen([str(MOSQUITTO), "-c", str(file)], stdout=subprocess.DEVNULL)
    try:
        wait_for("the broker", lambda: publish(port, "home:secret", "test") == "")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=60)


def publish(port: int, who: str, topic: str, *arguments: str) -> str:
    """Publish as `user:password`, or as nobody; return what the broker has against it."""
    user, _, password = who.partition(":")
    account = ["-u", user, "-P", password] if user else []
    command = ["mosquitto_pub", "-V", "5", "-p", str(port), "-q", "1", "-t", topic, *account]
    command += arguments or ["-m", "x", "-r"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr


def hears(port: int, who: str, topic: str) -> bool:
    """Tell whether what is kept on a topic is given to a user that asks for it, before his next wish is answered."""
    heard, answered = Event(), Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(*who.split(":"))
    client.on_connect = lambda *_: client.subscribe(topic)
    client.on_subscribe = lambda *_: client.unsubscribe(topic)
    client.on_unsubscribe = lambda *_: answered.set()
    client.on_message = lambda *_: heard.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert answered.wait(60)
    client.disconnect()
    client.loop_stop()
    return heard.is_set()


def needs_mosquitto(test: Any) -> Any:
    return pytest.mark.slow(pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")(test))


@needs_mosquitto
def test_the_real_broker_lets_in_who_has_a_password_and_nobody_else(broker: int) -> None:
    assert publish(broker, "hut:by chance", "picket/hut/status") == ""
    for who in ("", "hut:wrong", "shed:", "shed:radio", "guest:", "stranger:x"):
        assert "ot authori" in publish(broker, who, "picket/hut/status"), who


@needs_mosquitto
@pytest.mark.parametrize(
    ("who", "may", "may_not"),
    [
        pytest.param(
            "hut:by chance",
            ["picket/hut/status", "homeassistant/device/picket_hut/config"],
            ["picket/other/status", "node/shed/reading", "zigbee2mqtt/plug/set", "homeassistant/status"],
            id="device",
        ),
        pytest.param(
            "shed:spade",
            ["node/shed/reading", "node/shed/log"],
            ["node/attic/reading", "node/shed2/x", "picket/hut/output/door/set", "zigbee2mqtt/plug/set", "shed"],
            id="node",
        ),
        pytest.param(
            "zigbee:radio",
            ["zigbee2mqtt/bridge/state", "homeassistant/sensor/0x01/temperature/config"],
            ["picket/hut/output/door/set", "homeassistant/device/picket_hut/config", "node/shed/reading"],
            id="zigbee",
        ),
    ],
)
def test_each_may_write_its_own_and_nothing_else(broker: int, who: str, may: list[str], may_not: list[str]) -> None:
    assert {topic: publish(broker, who, topic) for topic in may} == dict.fromkeys(may, "")
    assert all("ot authori" in publish(broker, who, topic) for topic in may_not)


@needs_mosquitto
def test_each_hears_its_own_and_nothing_else(broker: int) -> None:
    topics = ("node/shed/reading", "node/attic/reading", "zigbee2mqtt/bridge/state", "picket/hut/status", "other")
    for topic in topics:
        publish(broker, "home:secret", topic)

    heard = {
        who: [topic for topic in topics if hears(broker, who, topic)]
        for who in ("hut:by chance", "shed:spade", "zigbee:radio", "home:secret")
    }

    assert heard == {
        "hut:by chance": ["node/shed/reading", "node/attic/reading", "zigbee2mqtt/bridge/state", "picket/hut/status"],
        "shed:spade": ["node/shed/reading"],
        "zigbee:radio": ["zigbee2mqtt/bridge/state"],
        "home:secret": list(topics),
    }
    assert not hears(broker, "shed:spade", "other/#")


@needs_mosquitto
@pytest.mark.parametrize(("size", "taken"), [(PACKET_BYTES - 100, True), (PACKET_BYTES + 1, False)], ids=str)
@pytest.mark.parametrize("version", ["311", "5"])
def test_what_is_too_long_is_not_taken_and_the_broker_goes_on(
    broker: int, tmp_path: Path, version: str, size: int, taken: bool
) -> None:
    (tmp_path / "message").write_bytes(b"x" * size)

    publish(broker, "shed:spade", "node/shed/log", "-r", "-V", version, "-f", str(tmp_path / "message"))

    assert hears(broker, "home:secret", "node/shed/log") is taken
    assert publish(broker, "hut:by chance", "picket/hut/status") == ""
