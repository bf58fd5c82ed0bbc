import pytest

from picket.messages import Health
from picket_gateway.broker import pauses
from picket_gateway.heartbeat import ServiceHealth, Vitals

NOW_NS = 1_700_000_000_000_000_000


def beat(seconds_ago: float = 0.0, **faults: str) -> Health:
    return Health(
        time_ns=NOW_NS - int(seconds_ago * 1e9),
        service="hub",
        state="degraded" if faults else "ok",
        uptime_seconds=1,
        faults=faults,
        figures={},
    )


@pytest.mark.parametrize(
    ("health", "looked_after", "expected"),
    [
        pytest.param(beat(), 2.0, ServiceHealth("ok", 2.0, {}), id="heard"),
        pytest.param(beat(disk="full"), 2.0, ServiceHealth("degraded", 2.0, {"disk": "full"}), id="degraded"),
        pytest.param(beat(), 15.1, ServiceHealth("silent", 15.1, {}), id="not-heard-for-long"),
        pytest.param(beat(3600), 0.0, ServiceHealth("silent", 3600.0, {}), id="heard-from-the-hub-s-memory"),
        pytest.param(beat(-3600), 1.0, ServiceHealth("ok", 1.0, {}), id="a-clock-that-was-set-back"),
    ],
)
def test_a_service_is_what_it_last_said_until_it_is_silent(
    health: Health, looked_after: float, expected: ServiceHealth
) -> None:
    vitals = Vitals()
    vitals.hear(health, 100.0, NOW_NS)

    assert vitals.services(100.0 + looked_after) == {"hub": expected}


def test_latencies_are_percentiles() -> None:
    vitals = Vitals()
    for milliseconds in range(1, 102):
        vitals.note_edge(milliseconds)

    edge = vitals.latency()["edge_to_mqtt_ms"]

    assert (edge["count"], edge["p50"], edge["p99"]) == (101, 51, 100)
    assert vitals.latency()["command_ms"] == {"count": 0}


@pytest.mark.parametrize(
    ("chance", "seconds"),
    [
        pytest.param(1.0, [0.5, 1, 2, 4, 8, 10, 10], id="longest"),
        pytest.param(0.0, [0.25, 0.5, 1, 2, 4, 5, 5], id="shortest"),
    ],
)
def test_attempts_are_spaced_out_up_to_a_bound(chance: float, seconds: list[float]) -> None:
    backoff = pauses(lambda: chance)

    assert [backoff.next_seconds() for _ in seconds] == seconds
