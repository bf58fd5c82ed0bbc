"""The heartbeat's and the info's payloads."""

from datetime import datetime
from typing import Literal

from msgspec import Struct


class ServiceHealth(Struct, frozen=True):
    """One service, as last heard; the age of one that never was is for how long it has been expected."""

    state: Literal["ok", "degraded", "silent"]
    age_seconds: float
    faults: dict[str, str]


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The payload of `heartbeat`; what nobody has said yet is empty, never missing.

    `latency` has {"count", "p50", "p99", "max"} in ms, only the count where there is nothing yet. `journal` has the
    hub's figures of it; its `lags` are how many messages each consumer has before it. `dropped` has, by service, each
    reason that has cost something since that service started.
    """

    time: datetime
    seq: int
    uptime_seconds: float
    version: str
    release: str
    services: dict[str, ServiceHealth]
    latency: dict[str, dict[str, float]]
    journal: dict[str, float | dict[str, int]]
    dropped: dict[str, dict[str, int]]


class Info(Struct, frozen=True):
    """The payload of `info`: `name` is the dashboard's, `schema` the version of these topics and payloads."""

    version: str
    release: str
    config: str
    name: str = ""
    schema: int = 1
