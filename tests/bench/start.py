"""How long the release takes from `picket run` to work: files in the page cache, no process there yet."""

import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import zmq

from picket.bus import Endpoints
from picket.bus.subscriber import Subscriber
from picket_base.programs import services
from tests.bench.figures import Figure, progress
from tests.bench.whole_release import client, config_of, until, whole_release
from tests.servers.whole import Whole

STARTS = 3
PATIENCE_SECONDS = 30
# The loop has no warm-up: its first zone is that of its first sample.
FIRST_ZONE = "picket/demo/input/garage/zone"
STATUS = "picket/demo/status"


def run() -> Iterator[Figure]:
    """Start the whole release some times and yield the median of each moment."""
    moments: dict[str, list[float]] = {}
    for number in range(STARTS):
        progress(f"  start {number + 1} of {STARTS}")
        with whole_release() as whole:
            for metric, seconds in started(whole).items():
                moments.setdefault(metric, []).append(seconds)
    for metric, times in moments.items():
        yield Figure(case=f"picket run, median of {STARTS}", metric=metric, value=statistics.median(times), unit="s")


def started(whole: Whole) -> dict[str, float]:
    """Start the release, and return the seconds from the exec of `picket run` to what was waited for."""
    config = config_of(whole)
    awaited = {program.name for program in services(config)}
    beaten: set[str] = set()
    topics: dict[str, float] = {}
    context: zmq.Context[Any] = zmq.Context()
    health = Subscriber(
        context, Endpoints.of(config), ["health."], lambda topic, _: beaten.add(topic.removeprefix("health."))
    )

    def all_beaten() -> bool:
        health.receive()
        return awaited <= beaten

    def hear(_client: Any, message: Any) -> None:
        if message.topic != STATUS or message.payload == b"online":
            topics.setdefault(message.topic, time.monotonic())

    with closing(health), (whole.folder / "run.log").open("ab") as log:
        begin, begin_ns = time.monotonic(), time.time_ns()
        whole.process = subprocess.Popen(
            whole.command("run"), cwd=whole.folder, env=whole.environment, stdout=log, stderr=log
        )
        until(lambda: answers(whole.mqtt_port), PATIENCE_SECONDS)
        with client(whole.mqtt_port, "picket/demo/#", hear):
            until(all_beaten, PATIENCE_SECONDS)
            beaten_at = time.monotonic()
            until(lambda: {STATUS, FIRST_ZONE} <= topics.keys(), PATIENCE_SECONDS)
    context.term()
    first_sample_ns = whole.journal("input.state.garage")[0]["time_ns"]
    return {
        "first_sample": (first_sample_ns - begin_ns) / 1e9,
        "first_zone_on_mqtt": topics[FIRST_ZONE] - begin,
        "status_online": topics[STATUS] - begin,
        "every_service_beaten": beaten_at - begin,
    }


def answers(port: int) -> bool:
    """Tell whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
