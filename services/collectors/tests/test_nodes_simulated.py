"""The simulated nodes as a newcomer sees them: broker in memory, simulator, hub and collector."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Fault, Reading, decode
from picket_simulator.command import ask
from tests.servers.release import Release
from tests.servers.waiting import wait_for

PATIENCE_SECONDS = 90.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    nodes = {"kind": "nodes", "base_topic": "sim/node", "nodes": ["shed", "gate"], "interval_seconds": 1}
    with Release(tmp_path, collectors={"nodes": nodes}) as release:
        release.start("picket_simulator.broker", "--port", str(release.mqtt_port))
        release.start_hub()
        release.start("picket_simulator")
        release.start("picket_collectors", "nodes", name="nodes")
        yield release


def journalled(release: Release, topic: str) -> list[Any]:
    return [decode(entry.topic, entry.body) for entry in release.journal(topic)]


def fault(release: Release, kind: str, node: str, **more: float) -> None:
    ask(release.config.simulator.control_port, {"op": "fault", "target": node, "fault": kind, **more})


def faults(release: Release) -> list[tuple[str, str]]:
    found = journalled(release, "fault.collectors.nodes")
    return [(one.subject, one.state) for one in found if isinstance(one, Fault) and one.subject != "source"]


def test_both_nodes_are_seen_and_so_is_what_happens_to_them(release: Release) -> None:
    shed: Reading = wait_for("shed", lambda: journalled(release, "reading.nodes_shed"), PATIENCE_SECONDS)[0]
    gate: Reading = wait_for("gate", lambda: journalled(release, "reading.nodes_gate"), PATIENCE_SECONDS)[0]
    assert shed.values.keys() == {"temperature_c", "humidity_percent"}
    assert gate.values.keys() == {"open", "battery_percent"}
    assert not faults(release)

    fault(release, "offline", "nodes_shed")
    wait_for("its will", lambda: faults(release) == [("shed", "begin")], PATIENCE_SECONDS)
    fault(release, "clear", "nodes_shed")
    wait_for("its birth", lambda: faults(release) == [("shed", "begin"), ("shed", "end")], PATIENCE_SECONDS)

    fault(release, "garbage", "nodes_gate")
    wait_for("garbage", lambda: faults(release)[2:] == [("gate", "begin")], PATIENCE_SECONDS)
    fault(release, "clear", "nodes_gate")
    wait_for("sense", lambda: faults(release)[3:] == [("gate", "end")], PATIENCE_SECONDS)


def test_a_node_that_chatters_is_thinned(release: Release) -> None:
    wait_for("gate", lambda: journalled(release, "reading.nodes_gate"), PATIENCE_SECONDS)

    fault(release, "chatter", "nodes_shed", seconds=5.0)

    wait_for("the end of it", lambda: "WARNING node.shed: dropped" in release.log("nodes"), PATIENCE_SECONDS)
    assert release.log("nodes").count("chatter") < 60
