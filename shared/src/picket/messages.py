"""The messages on the bus, and the topics they go by: frozen Structs, JSON on the wire.

    event.input.<name>     InputEvent      journalled
    event.threshold.<name> ThresholdEvent  journalled
    input.state.<name>     InputState      journalled, the last one kept for newcomers
    reading.<source>       Reading         journalled
    output.command.<name>  OutputCommand   a request, answered with an OutputResult; never replayed
    output.result.<name>   OutputResult    journalled
    output.state.<name>    OutputState     journalled, the last one kept for newcomers
    fault.<service>        Fault           journalled
    health.<service>       Health          live only, the last one kept for newcomers

`time_ns` is UTC, of the thing itself and not of its sending. `device` and `seq` are stamped by the producer.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from picket.errors import WireError

Zone = Literal["normal", "alarm", "tamper", "short", "open", "fault", "warming"]
OnOff = Literal["ON", "OFF"]
Moment = Annotated[datetime, Meta(tz=True)]

LIVE_ONLY = ("health.", "output.command.")
STATES = ("input.state.", "output.state.", "health.", "alarm.state")


class Message(Struct, frozen=True, kw_only=True):
    """What every message carries."""

    time_ns: int
    device: str = ""
    seq: int = 0


class InputEvent(Message, frozen=True, kw_only=True):
    """One episode at an input: `new`, perhaps `update`s, and `end` bear the same id."""

    id: str
    type: Literal["new", "update", "end"]
    input: str
    zone: Zone
    began_at: Moment
    ended_at: Moment | None = None
    why: str
    pulses: int = 0
    peak_volts: float | None = None


class ThresholdEvent(Message, frozen=True, kw_only=True):
    """That a measured value went past a threshold, or came back: `new` and `end` bear the same id."""

    id: str
    type: Literal["new", "end"]
    threshold: str
    source: str
    quantity: str
    value: float | None
    began_at: Moment
    ended_at: Moment | None = None
    why: str


class InputState(Message, frozen=True, kw_only=True):
    """What an input is now: filtered motion, and its zone."""

    input: str
    motion: OnOff
    zone: Zone
    volts: float | None = None


class Reading(Message, frozen=True, kw_only=True):
    """What a source measured: floats by name, unknown is None; `kind` is what is measured ("air", "host")."""

    source: str
    kind: str
    values: dict[str, float | None]


class OutputCommand(Message, frozen=True, kw_only=True):
    """A wish for an output; stale when older than `ttl_seconds`."""

    id: str
    output: str
    state: OnOff
    seconds: float | None = None
    issued_at: Moment
    ttl_seconds: float
    origin: str


class OutputResult(Message, frozen=True, kw_only=True):
    """What became of one command; `reason` says why it was refused, or what was changed in it."""

    id: str
    output: str
    accepted: bool
    reason: str
    state: Literal["ON", "OFF", "UNKNOWN"]
    latency_ms: float | None = None
    origin: str = ""


class OutputState(Message, frozen=True, kw_only=True):
    """What the chip's latch says of an output; `until` is when a pulse ends. The counters are of its whole life."""

    output: str
    state: OnOff
    until: Moment | None = None
    why: str
    switches: int = 0
    on_seconds: float = 0.0


class Fault(Message, frozen=True, kw_only=True):
    """Something broke, or came back: said once each."""

    service: str
    subject: str
    state: Literal["begin", "end"]
    text: str
    traceback: str = ""


class Health(Message, frozen=True, kw_only=True):
    """That a service's loop turns, what is at fault, and its figures."""

    service: str
    state: Literal["ok", "degraded"]
    uptime_seconds: float
    faults: dict[str, str]
    figures: dict[str, Any]


_TYPES: dict[str, type[Message]] = {
    "event.input.": InputEvent,
    "event.threshold.": ThresholdEvent,
    "input.state.": InputState,
    "reading.": Reading,
    "output.command.": OutputCommand,
    "output.result.": OutputResult,
    "output.state.": OutputState,
    "fault.": Fault,
    "health.": Health,
}
_DECODERS = {prefix: msgspec.json.Decoder(kind) for prefix, kind in _TYPES.items()}

encode = msgspec.json.Encoder().encode


def decode(topic: str, body: bytes) -> Message:
    """Read a message by its topic; raises WireError for what is none."""
    for prefix, decoder in _DECODERS.items():
        if topic.startswith(prefix):
            try:
                return decoder.decode(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise WireError(f"{topic}: {error}") from error
    raise WireError(f"{topic[:60]!r} is no topic of the bus")


def utc(time_ns: int) -> datetime:
    """Return UTC nanoseconds as a datetime, for people and JSON."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC)
