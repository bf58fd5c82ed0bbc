"""What was accepted arrives: in the journal, in InfluxDB, on MQTT and at Sentry, once each and in order."""

import logging
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from picket.bus.journal import Batch, JournalReader, Query
from picket.messages import Fault
from tests.servers.besieged import Besieged
from tests.servers.mosquitto import PROGRAM as MOSQUITTO
from tests.servers.release import Release
from tests.servers.waiting import wait_for

KILLS = int(os.environ.get("PICKET_SOAK_KILLS") or 50)
SEED = int(os.environ.get("PICKET_SOAK_SEED") or random.randrange(1_000_000))
ARRIVAL_SECONDS = 600.0

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not installed")]
log = logging.getLogger("nothing-lost")


@pytest.mark.timeout(900 + 20 * KILLS)
@pytest.mark.parametrize("seed", [SEED])
def test_what_was_accepted_arrives_once_and_in_order_whoever_is_killed(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Besieged(tmp_path, seed) as besieged:
        for victim, messages in besieged.plan(KILLS, seed):
            besieged.kill(victim, messages)
        besieged.load.finish()
        with suppress(AssertionError):  # what is amiss is said below
            wait_for("all to arrive", besieged.arrived, ARRIVAL_SECONDS)
        log.info("%s", besieged.figures())

        assert besieged.amiss() == {}
        assert besieged.load.dropped == 0
        assert len(besieged.receiver.texts) <= besieged.most_slack_messages


def test_a_reader_whose_question_died_with_the_hub_asks_the_next_one(tmp_path: Path) -> None:
    batches: list[Batch] = []
    with Release(tmp_path) as release:
        release.start_hub()
        query = Query(("fault.",), consumer="reader", wait_seconds=600)
        reader = JournalReader(release.context, release.endpoints, query, batches.append)
        wait_for("the question at the hub", lambda: reader.tick() or "reader" in release.consumers())

        release.kill("picket_hub")
        wait_for("the loss", lambda: reader.tick() or not reader.socket.poll(0, zmq.POLLOUT))
        release.start_hub()
        release.publish(("fault.x", Fault(time_ns=1, service="x", subject="x", state="begin", text="gone")))

        wait_for("the fault", lambda: reader.tick() or reader.receive() or batches)
        reader.close()
