from typing import Any

import msgspec
import pytest

from picket.messages import Health
from picket_gateway.broker import pauses
from picket_gateway.dashboard import health_tag
from picket_gateway.heartbeat import ServiceHealth
from picket_gateway.vitals import MOST, Vitals

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


@pytest.mark.parametrize(
    ("heard_after", "looked_after", "silent"),
    [
        pytest.param({"hub": 1}, 60, {}, id="not-yet"),
        pytest.param({"hub": 1}, 61.1, {"relay": 60.1, "collectors.air": 60.1}, id="never-heard"),
        pytest.param({"hub": 1, "relay": 50}, 61.5, {"collectors.air": 60.5}, id="one-was-heard"),
        pytest.param({"hub": 1, "relay": 90}, 100, {"collectors.air": 99.0}, id="one-was-late"),
        pytest.param({"hub": 3600}, 3600, {}, id="the-hub-was-late"),
        pytest.param({"gateway": 100}, 110, {"hub": 110.0}, id="the-hub-passes-on-and-says-nothing"),
        pytest.param({}, 60, {}, id="no-hub-yet"),
        pytest.param({}, 600, {"hub": 600.0}, id="without-a-hub-nobody-else-is-missed"),
    ],
)
def test_who_is_expected_and_never_heard_is_silent_in_the_end(
    heard_after: dict[str, float], looked_after: float, silent: dict[str, float]
) -> None:
    vitals = Vitals({"hub", "relay", "collectors.air"}, now=1000.0)
    for service, seconds in heard_after.items():
        vitals.hear(msgspec.structs.replace(beat(), service=service), 1000.0 + seconds, NOW_NS)

    services = vitals.services(1000.0 + looked_after)

    missed = {name: health for name, health in services.items() if name not in heard_after}
    assert missed == {name: ServiceHealth("silent", age, {}) for name, age in silent.items()}
    assert list(services) == sorted(services)
    assert all(name in health_tag(services) for name in silent)


def heard(**services: dict[str, Any]) -> Vitals:
    """Return what is known after a beat of each service with such figures."""
    vitals = Vitals()
    for name, figures in services.items():
        health = Health(time_ns=NOW_NS, service=name, state="ok", uptime_seconds=1, faults={}, figures=figures)
        vitals.hear(health, 0.0, NOW_NS)
    return vitals


NOTHING = {
    "command_to_pin_ms": {"count": 0},
    "edge_to_influxdb_ms": {"count": 0},
    "edge_to_journal_ms": {"count": 0},
    "edge_to_mqtt_ms": {"count": 0},
}


def test_our_own_latency_is_in_percentiles() -> None:
    vitals = Vitals()
    for milliseconds in range(1, 102):
        vitals.edge_to_mqtt_ms.add(milliseconds)

    assert vitals.latency() == NOTHING | {"edge_to_mqtt_ms": {"count": 101, "p50": 51, "p99": 100, "max": 101}}


def test_other_latencies_are_those_of_whoever_measures_them() -> None:
    summary = {"count": 7, "p50": 1.5, "p99": 3, "max": 4.25}

    vitals = heard(hub={"edge_to_journal_ms": summary}, relay={"command_to_pin_ms": {"count": 0}}, other=NOTHING)

    assert vitals.latency() == NOTHING | {"edge_to_journal_ms": summary}


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        pytest.param(None, {"count": 0}, id="nothing"),
        pytest.param([1, 2], {"count": 0}, id="no-mapping"),
        pytest.param({"count": 2, "p50": "1", "p99": True, "max": {}}, {"count": 2}, id="no-numbers"),
        pytest.param({"count": 2, "p50": 1, "why": 5}, {"count": 2, "p50": 1}, id="more-than-we-know"),
    ],
)
def test_a_latency_of_another_shape_is_left_out(figure: Any, expected: dict[str, float]) -> None:
    assert heard(hub={"edge_to_journal_ms": figure}).latency()["edge_to_journal_ms"] == expected


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        pytest.param({}, {"lags": {}}, id="of-another-release"),
        pytest.param(
            {"journal_bytes": 4096, "journal_lags": {"gateway": 0, "recorder": 12}, "bus_pending": 1},
            {"bytes": 4096, "lags": {"gateway": 0, "recorder": 12}},
            id="whole",
        ),
        pytest.param(
            {"journal_bytes": None, "journal_lags": 7, "journal_dropped": 3}, {"lags": {}}, id="misshapen-or-a-loss"
        ),
    ],
)
def test_the_journal_is_as_the_hub_says(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    assert heard(hub=figures).journal() == expected


def test_what_was_lost_is_told_by_service_and_reason() -> None:
    vitals = heard(
        hub={"bus_dropped": 0, "rubbish_frames": 2, "journal_dropped": {"readings": 40, "states": 0, "events": 0}},
        recorder={"bus_dropped": 3, "not_written": {"rejected": 1, "unreadable": 0}, "points_written": 99},
        notifier={"slack_refused": 0, "slack_skipped": 0, "slack": "awake"},
        gateway={"unreadable": "many"},
    )

    assert vitals.dropped() == {
        "hub": {"rubbish_frames": 2, "journal_dropped_readings": 40},
        "recorder": {"bus_dropped": 3, "not_written_rejected": 1},
    }


def consumers_of(vitals: Vitals) -> dict[str, int]:
    lags = vitals.journal()["lags"]
    assert isinstance(lags, dict)
    return lags


def test_a_service_that_says_too_much_is_cut_short() -> None:
    consumers = {f"c{number}": 1 for number in range(1000)}

    vitals = heard(hub={"journal_lags": consumers, "journal_dropped": consumers})

    assert (len(consumers_of(vitals)), len(vitals.dropped()["hub"])) == (MOST, MOST)


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
