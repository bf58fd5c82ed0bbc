"""What the services' beats say, put together for the heartbeat: health, latencies, the journal's state, and losses.

Figures are of other processes and of other releases of them, perhaps: what is missing or misshapen is left out.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from picket.latency import Percentiles
from picket.messages import Health
from picket_gateway.heartbeat import ServiceHealth

SILENT_AFTER_SECONDS = 15.0
NEVER_HEARD_AFTER_SECONDS = 60.0  # a start beside all others takes its time
HUB = "hub"
# Who measures what; edge_to_mqtt_ms is our own.
LATENCIES = {"edge_to_journal_ms": "hub", "edge_to_influxdb_ms": "recorder", "command_to_pin_ms": "relay"}
SUMMARY = ("count", "p50", "p99", "max")
# What a figure is called that counts what was lost, kept back for good, or not believed.
LOSSES = ("rubbish_frames", "unreadable", "not_written", "implausible")
LOSS_ENDINGS = ("_dropped", "_rejected", "_refused", "_skipped", "_expired")
JOURNAL = "journal_"
MOST = 32  # names in a mapping: the heartbeat stays small, whatever a service says


class _Heard(NamedTuple):
    at: float
    health: Health


class Vitals:
    """Remembers who was heard when, and what they said; times are monotonic seconds."""

    def __init__(self, expected: Collection[str] = (), now: float = 0.0) -> None:
        """Begin to listen at `now`, with nobody heard; who is `expected` and stays unheard is silent in the end."""
        self._expected = expected
        self._began = now
        self._hub_answered: float | None = None  # all that is heard comes by the hub
        self._heard: dict[str, _Heard] = {}
        self.edge_to_mqtt_ms = Percentiles()

    def hear(self, health: Health, now: float, now_ns: int) -> None:
        """Note a service's beat; the hub repeats to a newcomer what may have been said long ago."""
        if self._hub_answered is None:
            self._hub_answered = now
        age_seconds = max(0.0, (now_ns - health.time_ns) / 1e9)
        self._heard[health.service] = _Heard(now - age_seconds, health)

    def services(self, now: float) -> dict[str, ServiceHealth]:
        """Return each service that was ever heard, and each that should have been."""
        heard = {name: _judge(heard.health, now - heard.at) for name, heard in self._heard.items()}
        return dict(sorted({**self._never_heard(now), **heard}.items()))

    def latency(self) -> dict[str, dict[str, float]]:
        """Return count, p50, p99 and max of each latency, as last heard."""
        found = {name: _summary(self._figures(service).get(name)) for name, service in LATENCIES.items()}
        return dict(sorted({**found, "edge_to_mqtt_ms": self.edge_to_mqtt_ms.summary()}.items()))

    def journal(self) -> dict[str, float | dict[str, int]]:
        """Return the hub's figures of its journal, as last heard: numbers, and the lag of each consumer."""
        hub = {
            name.removeprefix(JOURNAL): figure
            for name, figure in self._figures("hub").items()
            if name.startswith(JOURNAL) and not _is_loss(name)
        }
        lags = hub.pop("lags", None)
        numbers = [(name, figure) for name, figure in hub.items() if type(figure) in (int, float)]
        return {**dict(numbers[:MOST]), "lags": dict(_counts("", lags)) if isinstance(lags, dict) else {}}

    def dropped(self) -> dict[str, dict[str, int]]:
        """Return what each service has lost, by reason; nothing of those that have lost nothing."""
        found = {name: dict(_losses(self._figures(name))) for name in sorted(self._heard)}
        return {name: losses for name, losses in found.items() if losses}

    def _never_heard(self, now: float) -> dict[str, ServiceHealth]:
        """Return who should have been heard by now; without the hub nobody can be, so it alone is missed."""
        missed = {}
        for name in self._expected:
            since = self._began if name == HUB else self._hub_answered
            if since is not None and now - since > NEVER_HEARD_AFTER_SECONDS:
                missed[name] = ServiceHealth("silent", round(now - since, 1), {})
        return missed

    def _figures(self, service: str) -> dict[str, Any]:
        heard = self._heard.get(service)
        return heard.health.figures if heard else {}


def _judge(health: Health, age_seconds: float) -> ServiceHealth:
    state: Literal["ok", "degraded", "silent"] = "silent" if age_seconds > SILENT_AFTER_SECONDS else health.state
    return ServiceHealth(state, round(age_seconds, 1), health.faults)


def _summary(figure: Any) -> dict[str, float]:
    if not isinstance(figure, dict):
        return {"count": 0}
    return {"count": 0} | {name: figure[name] for name in SUMMARY if type(figure.get(name)) in (int, float)}


def _losses(figures: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for name, figure in figures.items():
        if _is_loss(name):
            yield from ((reason, count) for reason, count in _counts(name, figure) if count)


def _is_loss(name: str) -> bool:
    return name in LOSSES or name.endswith(LOSS_ENDINGS)


def _counts(name: str, figure: Any) -> Iterator[tuple[str, int]]:
    """Yield a count under its name, or each count of a mapping under both names."""
    if isinstance(figure, dict):
        for key, value in islice(figure.items(), MOST):
            yield f"{name}_{key}" if name else str(key), _count(value)
    else:
        yield name, _count(figure)


def _count(figure: Any) -> int:
    return figure if type(figure) is int else 0
