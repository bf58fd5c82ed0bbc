"""Dial the hub again where libzmq has given up.

It dials on and on while nobody answers, and when a connection breaks. But where something answers that is no hub, such
as another program on its port, libzmq ends the connection for good, and the socket reaches nobody even when the hub is
there at last. What it tells the socket's monitor is the difference:

    DISCONNECTED, CONNECT_RETRIED    it goes on by itself
    DISCONNECTED                     it does not
"""

import struct
from typing import Any

import zmq

from picket.loop import Loop, Timer

REDIAL_SECONDS = 1.0

EVENT = struct.Struct("=HI")  # which, and a number that goes with it


def redial(loop: Loop, dialled: Any) -> None:
    """Have what `picket.bus.dial` returned dialled again, on `loop`, whenever libzmq has given up."""
    monitor: Any = dialled.get_monitor_socket()
    due = Timer(lambda: None)

    def listen() -> None:
        nonlocal due
        while True:
            try:
                told = monitor.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            due.cancel()
            event, _ = EVENT.unpack(told[0])
            if event == zmq.EVENT_DISCONNECTED:
                due = loop.at(loop.now() + REDIAL_SECONDS, dial_again)

    def dial_again() -> None:
        endpoint = dialled.last_endpoint
        dialled.disconnect(endpoint)
        dialled.connect(endpoint)

    loop.on_readable(monitor, listen)
