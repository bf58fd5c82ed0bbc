"""Decide on what came by MQTT for an output: a command for the relay, or a refusal that says what was expected.

    <root>/<device>/output/<name>/set          ON, OFF, or a JSON object as `Wish`
    <root>/<device>/output/<name>/set_on_ms    a whole number of milliseconds

How old a command may be, and whether its id was seen before, is the relay's to judge.
"""

import re
from collections.abc import Container
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from picket.messages import OutputCommand, utc

ORIGIN = "mqtt"
MAX_PAYLOAD_BYTES = 4096
MAX_REASON_CHARACTERS = 300
YEAR_SECONDS = 31_536_000

_MILLISECONDS = re.compile(rb"[1-9][0-9]{0,10}")
_PLAIN: dict[bytes, Literal["ON", "OFF"]] = {b"ON": "ON", b"on": "ON", b"OFF": "OFF", b"off": "OFF"}

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[ -~]+$")]


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON form of a command; what is missing is filled in on arrival."""

    state: Literal["ON", "on", "OFF", "off"]
    seconds: Annotated[float, Meta(gt=0, le=YEAR_SECONDS)] | None = None
    id: Id | None = None
    issued_at: Annotated[datetime, Meta(tz=True)] | None = None
    ttl_seconds: Annotated[float, Meta(gt=0, le=3600)] | None = None


class _Identified(Struct, frozen=True):
    id: Id = ""


class Arrival(NamedTuple):
    """A message as it came; `fresh_id` is its name if it brings none."""

    topic: str
    payload: bytes
    retained: bool
    time_ns: int
    fresh_id: str


class Refusal(NamedTuple):
    """Why an arrival is no command."""

    id: str
    output: str
    reason: str


class _NotUnderstoodError(ValueError):
    """What was expected instead of the payload."""


def decide(arrival: Arrival, outputs: Container[str], ttl_seconds: float) -> OutputCommand | Refusal | None:
    """Return the command or the refusal; None for an empty payload, which is how a retained one is cleared."""
    if not arrival.payload:
        return None
    output, verb = arrival.topic.split("/")[-2:]
    try:
        if output not in outputs:
            raise _NotUnderstoodError("no such output; expected one of the configuration's outputs")
        if arrival.retained:
            raise _NotUnderstoodError("retained; expected a command published without the retain flag")
        if len(arrival.payload) > MAX_PAYLOAD_BYTES:
            raise _NotUnderstoodError(f"{len(arrival.payload)} bytes; expected at most {MAX_PAYLOAD_BYTES}")
        wish = _pulse(arrival.payload) if verb == "set_on_ms" else _wish(arrival.payload)
    except _NotUnderstoodError as error:
        reason = _cleaned(f"{arrival.topic}: {error}")
        return Refusal(_id_within(arrival.payload) or arrival.fresh_id, output, reason)
    return OutputCommand(
        time_ns=arrival.time_ns,
        id=wish.id or arrival.fresh_id,
        output=output,
        state="ON" if wish.state in ("ON", "on") else "OFF",
        seconds=wish.seconds,
        issued_at=wish.issued_at or utc(arrival.time_ns),
        ttl_seconds=wish.ttl_seconds or ttl_seconds,
        origin=ORIGIN,
    )


def _wish(payload: bytes) -> Wish:
    if payload in _PLAIN:
        return Wish(_PLAIN[payload])
    if not payload.startswith(b"{"):
        raise _NotUnderstoodError(f"expected ON, OFF or a JSON object, got {payload[:40]!r}")
    try:
        wish = msgspec.json.decode(payload, type=Wish)
        # A date beyond what UTC can say is found out here rather than by the relay.
        issued_at = wish.issued_at and wish.issued_at.astimezone(UTC)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError) as error:
        keys = ", ".join(field.name for field in msgspec.structs.fields(Wish))
        raise _NotUnderstoodError(f"expected a JSON object of {keys}: {error}") from error
    return msgspec.structs.replace(wish, issued_at=issued_at)


def _pulse(payload: bytes) -> Wish:
    if not _MILLISECONDS.fullmatch(payload) or int(payload) > YEAR_SECONDS * 1000:
        raise _NotUnderstoodError(f"expected a whole number of milliseconds above 0, got {payload[:40]!r}")
    return Wish("ON", seconds=int(payload) / 1000)


def _id_within(payload: bytes) -> str:
    if len(payload) > MAX_PAYLOAD_BYTES or not payload.startswith(b"{"):
        return ""
    try:
        return msgspec.json.decode(payload, type=_Identified).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def _cleaned(text: str) -> str:
    shown = text[:MAX_REASON_CHARACTERS]
    return "".join(character if character.isprintable() else "?" for character in shown)
