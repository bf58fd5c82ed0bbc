"""The hub's clients: producer, live subscriber, journal reader, requests and their answers.

All times between processes of one machine are CLOCK_MONOTONIC; all numbers in frames are big-endian u64. What goes to a
DEALER are several frames in one (picket.bus.frames says why).

    ingest   DEALER -> hub   header (seq, after), topic, body      seq 0: live only, nothing is acked
                             "flush"         commit now what waits for company
             hub -> DEALER   "ack", seq      all up to seq is committed
                             "back", seq     something after seq is missing: send again from there
    live     hub -> SUB      topic, body
    request  DEALER -> hub   "read", id, query      -> "batch", id, cursor, then (id, topic, body) of each entry
                             "commit", query        (no answer)
                             "serve", topic prefix  (no answer; said again every second)
                             "request", id, topic, deadline_ns, body -> "reply", id, body or "error", id, text
             hub -> server   "request", client, id, topic, deadline_ns, body
             server -> hub   "reply", client, id, body
"""

import struct
from typing import TYPE_CHECKING

import zmq

if TYPE_CHECKING:
    from picket.config import Config

U64 = struct.Struct("!Q")
HEADER = struct.Struct("!QQ")
MAX_MESSAGE_BYTES = 256 * 1024
FLUSH = b"flush"


class Endpoints:
    """Where the hub is."""

    def __init__(self, host: str, ingest: int, live: int, request: int) -> None:
        """Name the hub's three sockets."""
        self.ingest = f"tcp://{host}:{ingest}"
        self.live = f"tcp://{host}:{live}"
        self.request = f"tcp://{host}:{request}"

    @classmethod
    def of(cls, config: "Config") -> "Endpoints":
        """Take them from the configuration."""
        hub = config.hub
        return cls(hub.host, hub.ingest_port, hub.live_port, hub.request_port)


def dial(
    context: "zmq.Context[zmq.Socket[bytes]]", kind: int, endpoint: str, identity: str = ""
) -> "zmq.Socket[bytes]":
    """Return a socket that connects, and goes on connecting, to the hub; `hang_up` closes it."""
    dialled = context.socket(kind)
    dialled.linger = 0
    dialled.reconnect_ivl = 50
    dialled.reconnect_ivl_max = 1000
    dialled.setsockopt(zmq.MAXMSGSIZE, 16 * MAX_MESSAGE_BYTES)
    # Nothing waits in a socket for a hub that is away: who sends holds it, or says that it could not be sent.
    if kind != zmq.SUB:
        dialled.setsockopt(zmq.IMMEDIATE, 1)
    dialled.setsockopt(zmq.TCP_KEEPALIVE, 1)
    if identity:
        dialled.setsockopt(zmq.IDENTITY, identity.encode())
    dialled.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_CONNECT_RETRIED)  # what picket.bus.redial goes by
    dialled.connect(endpoint)
    return dialled


def hang_up(dialled: "zmq.Socket[bytes]") -> None:
    """Close what `dial` returned."""
    monitor = dialled.get_monitor_socket()
    dialled.disable_monitor()  # first: libzmq would wait to tell it to a monitor that is closed
    monitor.close()
    dialled.close()
