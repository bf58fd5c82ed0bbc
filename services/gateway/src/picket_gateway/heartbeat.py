"""What the heartbeat tells: the health of each service as last heard, and how long things take."""

from datetime import datetime
from typing import Literal, NamedTuple

from msgspec import Struct

from picket.latency import Percentiles
from picket.messages import Health

SILENT_AFTER_SECONDS = 15.0


class ServiceHealth(Struct, frozen=True):
    """One service, as last heard."""

    state: Literal["ok", "degraded", "silent"]
    age_seconds: float
    faults: dict[str, str]


class Heartbeat(Struct, frozen=True, kw_only=True):
    """The payload of `heartbeat`."""

    time: datetime
    seq: int
    uptime_seconds: float
    version: str
    release: str
    services: dict[str, ServiceHealth]
    latency: dict[str, dict[str, float]]


class Info(Struct, frozen=True):
    """The payload of `info`; `schema` is the version of these topics and payloads."""

    version: str
    release: str
    config: str
    schema: int = 1


class _Heard(NamedTuple):
    at: float
    health: Health


class Vitals:
    """Remembers who was heard when, and the latencies; times are monotonic seconds."""

    def __init__(self) -> None:
        """Begin with nobody heard."""
        self._heard: dict[str, _Heard] = {}
        self._latency = {"edge_to_mqtt_ms": Percentiles(), "command_ms": Percentiles()}

    def hear(self, health: Health, now: float, now_ns: int) -> None:
        """Note a service's beat; the hub repeats to a newcomer what may have been said long ago."""
        age_seconds = max(0.0, (now_ns - health.time_ns) / 1e9)
        self._heard[health.service] = _Heard(now - age_seconds, health)

    def note_edge(self, milliseconds: float) -> None:
        """Note how long an edge took to the broker's acknowledgement."""
        self._latency["edge_to_mqtt_ms"].add(milliseconds)

    def note_command(self, milliseconds: float) -> None:
        """Note how long a command took, as its result says."""
        self._latency["command_ms"].add(milliseconds)

    def services(self, now: float) -> dict[str, ServiceHealth]:
        """Return each service that was ever heard."""
        return {name: _judge(heard.health, now - heard.at) for name, heard in sorted(self._heard.items())}

    def latency(self) -> dict[str, dict[str, float]]:
        """Return count, p50, p99 and max of each latency."""
        return {name: percentiles.summary() for name, percentiles in self._latency.items()}


def _judge(health: Health, age_seconds: float) -> ServiceHealth:
    state: Literal["ok", "degraded", "silent"] = "silent" if age_seconds > SILENT_AFTER_SECONDS else health.state
    return ServiceHealth(state, round(age_seconds, 1), health.faults)
