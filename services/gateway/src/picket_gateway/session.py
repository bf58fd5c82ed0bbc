"""How a paho client is made for one connection, and driven by a loop that is not its own."""

import select
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from picket.config.schema import Mqtt

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311

CONNECT_SECONDS = 2.0
# A broker of MQTT 5 holds back what is larger; what is too large for a command, but not for this, gets a result.
MAX_PACKET_BYTES = 2 * 1024 * 1024
# Some brokers end the connection of a client with more than ten unacknowledged publications.
MAX_IN_FLIGHT = 10
# paho notices a silent broker after two of its keepalives at the latest; ours is to be noticed after 1.5.
PING_SHARE = 0.7
QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux has it


def new_client(settings: Mqtt, client_id: str, protocol: MQTTProtocolVersion, status: str) -> Client:
    """Return a client whose will is `offline` on the topic `status`; raises OSError for TLS files it can't read."""
    # Without `reconnect_on_failure` paho does not try older protocols by itself.
    client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=protocol, reconnect_on_failure=False)
    client.connect_timeout = CONNECT_SECONDS
    client.max_inflight_messages = MAX_IN_FLIGHT
    client.will_set(status, b"offline", 1, True)
    if settings.username:
        client.username_pw_set(settings.username, settings.password or None)
    if tls := settings.tls:
        client.tls_set(tls.ca_file or None, tls.certificate_file or None, tls.key_file or None)
    return client


def connect(client: Client, settings: Mqtt) -> None:
    """Connect with a clean start, blocking for TCP and TLS; raises OSError, or ValueError for an impossible host."""
    options: dict[str, Any] = {}  # the session of 3.1.1 is clean by default
    if client.protocol == V5:
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        options = {"clean_start": True, "properties": properties}
    client.connect(settings.host, settings.port, max(1, int(settings.keepalive_seconds * PING_SHARE)), **options)


def subscribe(client: Client, topics: Sequence[str]) -> None:
    """Subscribe to commands, QoS 1."""
    if client.protocol == V5:
        # Stored retained commands are not sent to us; one that is published while we listen keeps its flag, so
        # that it is known for what it is.
        options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
        client.subscribe([(topic, options) for topic in topics])
    else:
        client.subscribe([(topic, 1) for topic in topics])


def hang_up(client: Client) -> None:
    """End the connection at once, without a word: the broker then publishes the will."""
    client.connect_async(client.host, client.port)  # closes, as it documents; the connecting is left out


def read(client: Client) -> None:
    """Take in what has come."""
    client.loop_read()
    acknowledge_at_once(client.socket())
    # What TLS has decrypted already does not make the socket readable again.
    while isinstance(opened := client.socket(), ssl.SSLSocket) and opened.pending():
        client.loop_read()


def acknowledge_at_once(opened: Any) -> None:
    """Have TCP acknowledge now what has come; the kernel forgets this wish again and again.

    A broker without TCP_NODELAY (mosquitto by default) holds its next packet back until the last one is acknowledged:
    left to the kernel, that costs a command 40 ms.
    """
    if opened is not None and QUICK_ACK is not None:
        with suppress(OSError):  # the other end has just gone: the next read says so
            opened.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)


def turn(client: Client, patience_seconds: float) -> bool:
    """Read and write, waiting at most so long; False when there is nothing left to wait for."""
    opened: Any = client.socket()
    if opened is None or patience_seconds <= 0:
        return False
    readable, writable, _ = select.select([opened], [opened] if client.want_write() else [], [], patience_seconds)
    if readable:
        read(client)
    if writable:
        client.loop_write()
    return True
