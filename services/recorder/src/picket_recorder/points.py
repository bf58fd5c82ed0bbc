"""What each message is in InfluxDB: a line of line protocol, decided from the message alone.

    input,device=,input=,zone=,type=            active=1.0|0.0,pulses=,peak_volts=,id="",why=""
    threshold,device=,threshold=,source=,type=  active=1.0|0.0,value=,quantity="",id="",why=""
    output,device=,output=                      state=1.0|0.0
    command,device=,output=,origin=             accepted=1.0|0.0,latency_ms=,id="",reason=""
    <kind>,device=,source=                      the reading's values
    fault,device=,service=,state=               subject="",text=""

A measurement is a kind of thing, a tag is what people filter by, and what is different every time is a field.
Every number is a float, so that no field ever changes its type.

The time is the message's own to the microsecond; below that stand the last three digits of its number. InfluxDB knows a
point by its series and time alone, and of two it keeps the last. So two messages of one moment need two times, and each
the same one whenever it is written again, whatever else is in the batch, also by a recorder that remembers nothing.
The number does that: a series comes from one producer, which numbers its messages one by one. For two of them to meet,
it would have to make a thousand messages in a microsecond, or to be started again in one.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from picket.bus.journal import Entry
from picket.errors import WireError
from picket.messages import Fault, InputEvent, Message, OutputResult, OutputState, Reading, ThresholdEvent

TOPICS = ("event.input.", "event.threshold.", "output.state.", "output.result.", "reading.", "fault.")
NUMBERS = 1_000  # a microsecond's nanoseconds
LAST_NS = 2**63 - 2 * NUMBERS

# A backslash before a comma can't be written down in a name, and a line ends with its point.
NAME = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\t": r"\ ", "\\": "/"})
TEXT = str.maketrans({'"': r"\"", "\\": r"\\"})

Values = Mapping[str, float | str | None]


class Point(NamedTuple):
    """A line, and the journal's entry that it is of."""

    line: str
    entry: Entry


def line(message: Message) -> str | None:
    """Return the line that a message is, or None for one that says nothing; raises WireError if no line can say it."""
    match message:
        case InputEvent():
            return _line(
                message,
                "input",
                {"input": message.input, "zone": message.zone, "type": message.type},
                {
                    "active": float(message.type != "end"),
                    "pulses": float(message.pulses),
                    "peak_volts": message.peak_volts,
                    "id": message.id,
                    "why": message.why,
                },
            )
        case ThresholdEvent():
            return _line(
                message,
                "threshold",
                {"threshold": message.threshold, "source": message.source, "type": message.type},
                {
                    "active": float(message.type != "end"),
                    "value": message.value,
                    "quantity": message.quantity,
                    "id": message.id,
                    "why": message.why,
                },
            )
        case OutputState():
            return _line(message, "output", {"output": message.output}, {"state": float(message.state == "ON")})
        case OutputResult():
            return _line(
                message,
                "command",
                {"output": message.output, "origin": message.origin},
                {
                    "accepted": float(message.accepted),
                    "latency_ms": message.latency_ms,
                    "id": message.id,
                    "reason": message.reason,
                },
            )
        case Reading():
            return _line(message, message.kind, {"source": message.source}, message.values)
        case Fault():
            return _line(
                message,
                "fault",
                {"service": message.service, "state": message.state},
                {"subject": message.subject, "text": message.text},
            )
    return None


def _line(message: Message, measurement: str, tags: Mapping[str, str], fields: Values) -> str | None:
    pairs = [f"{_name(name)}={_value(value)}" for name, value in fields.items() if value is not None]
    if not pairs:
        return None
    if measurement.startswith("#"):
        raise WireError("a line that begins with # is a comment")
    if not 0 <= message.time_ns < LAST_NS:
        raise WireError(f"the time {message.time_ns} is out of range")
    series = [_name(measurement)]
    series += [f"{name}={_name(text)}" for name, text in {"device": message.device, **tags}.items() if text]
    time_ns = message.time_ns // NUMBERS * NUMBERS + message.seq % NUMBERS
    return f"{','.join(series)} {','.join(pairs)} {time_ns}"


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    if not text:
        raise WireError("a kind or a value has no name")
    return text.translate(NAME)


def _value(value: float | str) -> str:
    return f'"{value.translate(TEXT)}"' if isinstance(value, str) else repr(value)
