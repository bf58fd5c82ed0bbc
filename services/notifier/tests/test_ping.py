"""The dead-man ping, with a real hub and the inputs' beats."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.messages import Health
from tests.servers.receiver import PING, Receiver
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

INPUTS = """
adc_boards: {main: {bus: BUS}}
inputs: {hall: {kind: analog_pir, channel: 1}}
"""


class Sampler:
    """Beats as gpio-input does, and samples until it is told not to."""

    def __init__(self, release: Release) -> None:
        self.samples: int | None = 0
        self._release = release
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        producer = self._release.producer("gpio-input")
        count = 0
        while not self._stopping.wait(0.2):
            count += self.samples is not None
            figures = {"inputs": {"hall": {"samples": count}}}
            beat = Health(
                time_ns=time.time_ns(),
                service="gpio-input",
                state="ok",
                uptime_seconds=1,
                faults={},
                figures=figures,
            )
            producer.publish("health.gpio-input", beat)
            producer.tick()
        producer.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def release(tmp_path: Path, receiver: Receiver) -> Iterator[Release]:
    with Release(tmp_path, INPUTS, log_level="debug", notifier={"ping_seconds": 5}) as running:
        running.environment["PING_URL"] = receiver.ping_url
        running.start_hub()
        running.start("picket_notifier")
        yield running
        assert PING not in running.log("picket_notifier")


def test_it_pings_while_inputs_are_sampled_and_the_hub_commits(release: Release, receiver: Receiver) -> None:
    with Sampler(release) as sampler:
        wait_for("two pings", lambda: len(receiver.pings) >= 2, 90)
        assert receiver.pings[1] - receiver.pings[0] > 2  # every second would be too often

        sampler.samples = None
        wait_for("the pings to stop", lambda: time.monotonic() - receiver.pings[-1] > 12, 150)

        sampler.samples = 0
        wait_for("the pings to come again", lambda: time.monotonic() - receiver.pings[-1] < 3, 90)
        release.kill("picket_hub")
        wait_for("the pings to stop again", lambda: time.monotonic() - receiver.pings[-1] > 12, 150)


def test_an_address_that_fails_is_a_fault_until_it_works(release: Release, receiver: Receiver) -> None:
    receiver.answers.append((404, {}, b"not found"))
    with Sampler(release):
        wait_for("the ping", lambda: receiver.pings, 90)

    log = release.log("picket_notifier")
    assert "ping: 404" in log
    wait_for("the fault's end", lambda: "ping: works again" in release.log("picket_notifier"))
