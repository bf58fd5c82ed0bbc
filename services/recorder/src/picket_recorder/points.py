"""What each message is in InfluxDB: line protocol, decided from the message alone.

    input,device=,input=,zone=,type=    active=1.0|0.0,pulses=,peak_volts=,id="",why=""
    output,device=,output=              state=1.0|0.0
    command,device=,output=,origin=     accepted=1.0|0.0,latency_ms=,id="",reason=""
    <kind>,device=,source=              the reading's values
    fault,device=,service=,state=       subject="",text=""

A measurement is a kind of thing, a tag is what people filter by, and what is different every time is a field.
Every number is a float, so that no field ever changes its type. The time is the message's own, in nanoseconds.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from picket.messages import Fault, InputEvent, Message, OutputResult, OutputState, Reading, decode

TOPICS = ("event.input.", "output.state.", "output.result.", "reading.", "fault.")

# A backslash before a comma can't be written down in a name, and a line ends with its point.
NAME = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\t": r"\ ", "\\": "/"})
TEXT = str.maketrans({'"': r"\"", "\\": r"\\"})

Values = Mapping[str, float | str | None]


class Point(NamedTuple):
    """A point: its series (measurement and tags) and its fields as line protocol has them."""

    series: str
    fields: str
    time_ns: int

    def __str__(self) -> str:
        """Write the line."""
        return f"{self.series} {self.fields} {self.time_ns}"


def point(topic: str, body: bytes) -> Point | None:
    """Return the point that a message is, or None for one that says nothing; raises WireError for no message."""
    message = decode(topic, body)
    match message:
        case InputEvent():
            return _make(
                "input",
                {"input": message.input, "zone": message.zone, "type": message.type},
                {
                    "active": float(message.type != "end"),
                    "pulses": float(message.pulses),
                    "peak_volts": message.peak_volts,
                    "id": message.id,
                    "why": message.why,
                },
                message,
            )
        case OutputState():
            return _make("output", {"output": message.output}, {"state": float(message.state == "ON")}, message)
        case OutputResult():
            return _make(
                "command",
                {"output": message.output, "origin": message.origin},
                {
                    "accepted": float(message.accepted),
                    "latency_ms": message.latency_ms,
                    "id": message.id,
                    "reason": message.reason,
                },
                message,
            )
        case Reading():
            return _make(message.kind, {"source": message.source}, message.values, message)
        case Fault():
            return _make(
                "fault",
                {"service": message.service, "state": message.state},
                {"subject": message.subject, "text": message.text},
                message,
            )
    return None


def apart(points: Iterable[Point]) -> list[Point]:
    """Put different points of one series and time a nanosecond apart: InfluxDB would keep only the last of them."""
    taken: dict[tuple[str, int], str] = {}
    for series, fields, time_ns in points:
        while taken.setdefault((series, time_ns), fields) != fields:
            time_ns += 1
    return [Point(series, fields, time_ns) for (series, time_ns), fields in taken.items()]


def _make(measurement: str, tags: Mapping[str, str], fields: Values, message: Message) -> Point | None:
    pairs = [f"{name.translate(NAME)}={_value(value)}" for name, value in fields.items() if value is not None]
    if not pairs:
        return None
    series = [measurement.translate(NAME)]
    series += [f"{name}={text.translate(NAME)}" for name, text in {"device": message.device, **tags}.items() if text]
    return Point(",".join(series), ",".join(pairs), message.time_ns)


def _value(value: float | str) -> str:
    return f'"{value.translate(TEXT)}"' if isinstance(value, str) else repr(value)
