"""What the gateway says on MQTT of a live message: topic below the device, payload, and how it is to be sent."""

import re
from typing import NamedTuple

from picket.messages import InputState, Message, OutputState, Reading, encode, utc

# A name from the bus becomes one level of a topic: nothing that MQTT would read as more than that.
_LEVEL = re.compile(r"[A-Za-z0-9_.-]{1,80}")


class Retained(NamedTuple):
    """One retained publication; `qos` 0 is for what soon comes again."""

    topic: str
    payload: bytes
    qos: int = 1


def level(topic: str, prefix: str) -> str | None:
    """Return what follows `prefix` in a topic of the bus if it may be a level of an MQTT topic."""
    name = topic.removeprefix(prefix)
    return name if name != topic and _LEVEL.fullmatch(name) else None


def retained(topic: str, message: Message) -> list[Retained]:
    """Return the retained publications that a message of the bus calls for: none for most."""
    match message:
        case InputState() if name := level(topic, "input.state."):
            return [
                Retained(f"input/{name}/state", message.motion.encode()),
                Retained(f"input/{name}/zone", message.zone.encode()),
            ]
        case OutputState() if name := level(topic, "output.state."):
            counters = {"switches": message.switches, "on_seconds": message.on_seconds}
            return [
                Retained(f"output/{name}/state", message.state.encode()),
                Retained(f"output/{name}/counters", encode(counters)),
            ]
        case Reading() if name := level(topic, "reading."):
            # JSON knows no NaN: the encoder writes null for it, as for what is unknown.
            values = {"time": utc(message.time_ns), "kind": message.kind, **message.values}
            return [Retained(f"sensor/{name}/state", encode(values), qos=0)]
    return []
