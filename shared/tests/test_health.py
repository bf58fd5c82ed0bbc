"""What is at fault: said once on the bus, however often its reason changes."""

import logging
from collections.abc import Iterator

import pytest
import zmq

from picket.bus import Endpoints
from picket.bus.producer import Producer
from picket.health import MOST_REASONS, HealthBeat


@pytest.fixture
def producer() -> Iterator[Producer]:
    """Without a hub: what is published stays pending."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield Producer(context, Endpoints("127.0.0.1", 1, 1, 1), "p", "demo")
    context.destroy(linger=0)


@pytest.fixture
def health(producer: Producer, caplog: pytest.LogCaptureFixture) -> HealthBeat:
    caplog.set_level(logging.INFO)
    return HealthBeat("p", producer)


def test_a_fault_is_said_once_when_it_begins_and_once_when_it_ends(
    health: HealthBeat, producer: Producer, caplog: pytest.LogCaptureFixture
) -> None:
    health.begin("broker", "refused")
    health.begin("broker", "refused")
    begun = (dict(health.faults), producer.pending)
    health.end("broker")
    health.end("broker")

    assert begun == ({"broker": "refused"}, 1)
    assert (health.faults, producer.pending) == ({}, 2)
    assert caplog.messages == ["broker: refused", "broker: works again"]


def test_another_reason_is_logged_once_and_kept_but_is_no_second_fault(
    health: HealthBeat, producer: Producer, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("refused", "no such host", "no such host", "refused"):
        health.begin("broker", text)

    assert (health.faults, producer.pending) == ({"broker": "refused"}, 1)
    assert caplog.messages == ["broker: refused", "broker: no such host"]


def test_a_reason_that_is_worded_otherwise_every_time_does_not_flood_the_log(
    health: HealthBeat, caplog: pytest.LogCaptureFixture
) -> None:
    for degrees in range(100, 200):
        health.begin("temperature", f"{degrees} is not plausible")
    logged = len(caplog.messages)
    health.end("temperature")
    health.begin("temperature", "100 is not plausible")

    assert logged == MOST_REASONS
    assert caplog.messages[-2:] == ["temperature: works again", "temperature: 100 is not plausible"]


def test_two_subjects_are_two_faults(health: HealthBeat, producer: Producer) -> None:
    health.begin("broker", "refused")
    health.begin("disk", "refused")
    health.end("broker")

    assert (health.faults, producer.pending) == ({"disk": "refused"}, 3)


def test_figures_are_what_they_are_when_asked(health: HealthBeat) -> None:
    counts = {"read": 1}
    health.figure("counts", lambda: dict(counts))
    counts["read"] = 2

    assert health.figures() == {"bus_pending": 0, "bus_dropped": 0, "counts": {"read": 2}}
