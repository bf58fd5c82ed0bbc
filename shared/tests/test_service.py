"""What a Runtime does for its service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from picket.config import Config, Loaded
from picket.config.schema import Hub
from picket.messages import Message, Reading, encode
from picket.service import Runtime
from tests.servers.waiting import wait_for

READING = Reading(time_ns=1, source="attic", kind="climate", values={"temperature_c": 20.0})


@pytest.fixture
def live() -> Iterator[Any]:
    """The hub's socket for live messages."""
    with zmq.Context() as context, context.socket(zmq.PUB) as live:
        live.linger = 0
        yield live


@pytest.fixture
def runtime(live: Any, tmp_path: Path) -> Iterator[Runtime]:
    """A service's, beside that hub."""
    hub = Hub(live_port=live.bind_to_random_port("tcp://127.0.0.1"))
    runtime = Runtime("automation", Loaded(Config(device="test", data_dir=str(tmp_path), hub=hub), {}))
    with runtime.closing:
        yield runtime


def test_what_can_not_be_read_is_counted_said_once_and_costs_nothing_else(
    live: Any, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[str, Message]] = []
    runtime.hear(["reading."], lambda topic, message: heard.append((topic, message)))

    def three() -> bool:
        for body in (b"{", encode(READING)):
            live.send_multipart([b"reading.attic", body])
        runtime.loop.turn(0.02)
        return len(heard) >= 3

    wait_for("three readings", three)

    assert all(one == ("reading.attic", READING) for one in heard)
    assert runtime.health.figures()["unreadable"] >= 2
    assert len(caplog.messages) == 1 and "unreadable" in caplog.text
