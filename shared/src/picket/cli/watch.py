"""`picket watch`: live messages in the terminal."""

import argparse
from typing import Any

import zmq

from picket.bus import Endpoints
from picket.bus.subscriber import Subscriber
from picket.config import load
from picket.errors import WireError
from picket.messages import (
    Fault,
    Health,
    InputEvent,
    InputState,
    Message,
    OutputResult,
    OutputState,
    Reading,
    ThresholdEvent,
    decode,
    utc,
)

HELP = "follow the live messages in the terminal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "topics", nargs="*", help="topics to follow, as in event. or reading.air (default: all but health)"
    )
    parser.add_argument("--json", action="store_true", help="the messages as they are, one JSON line each")


def run(arguments: argparse.Namespace) -> int:
    """Print what is heard until Ctrl-C."""
    prefixes = arguments.topics or ["event.", "input.", "output.", "reading.", "fault.", "alarm."]
    context: zmq.Context[Any] = zmq.Context()

    def show(topic: str, body: bytes) -> None:
        print(body.decode(errors="replace") if arguments.json else line(topic, body), flush=True)

    subscriber = Subscriber(context, Endpoints.of(load()), prefixes, show)
    try:
        while True:
            if subscriber.socket.poll(1000):
                subscriber.receive()
    finally:
        subscriber.close()
        context.term()


def line(topic: str, body: bytes) -> str:
    """Return a message as one line for people."""
    try:
        message = decode(topic, body)
    except WireError as error:
        return f"?  {error}"
    when = utc(message.time_ns).astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{when}  {topic:28} {summary(message)}"


def summary(message: Message) -> str:
    """Say what a message says, in a few words."""
    match message:
        case InputEvent() | ThresholdEvent():
            return f"{message.type:6} {message.id}  {message.why}"
        case InputState():
            return f"{message.motion:3} zone {message.zone}"
        case Reading():
            return "  ".join(f"{name} {'-' if v is None else format(v, 'g')}" for name, v in message.values.items())
        case OutputState():
            until = f" until {message.until.astimezone():%H:%M:%S}" if message.until else ""
            return f"{message.state:3}{until}  {message.why}"
        case OutputResult():
            return f"{'accepted' if message.accepted else 'refused'} {message.id}  {message.reason}"
        case Fault():
            return f"{message.state:5} {message.subject}: {message.text}"
        case Health():
            return f"{message.state}  up {message.uptime_seconds:.0f} s  {message.figures}"
    return str(message)
