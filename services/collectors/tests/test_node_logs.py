"""What nodes log, as it comes to a real rsyslogd: a line each, whatever is in it."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from picket_base.rsyslog import forwarder
from tests.servers.mosquitto import PROGRAM as BROKER
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt import Observer
from tests.servers.release import Release
from tests.servers.rsyslog import PROGRAM as SYSLOG
from tests.servers.rsyslog import Entry, Rsyslog
from tests.servers.waiting import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROKER, reason="mosquitto is not installed (tests/prepare.sh does)"),
    pytest.mark.skipif(not Path(SYSLOG).exists(), reason="rsyslogd is not installed (tests/prepare.sh does)"),
]

APP = "collectors.nodes"
HOSTILE = [
    "<0>1 2026-03-01T06:30:00Z demo relay - - - opened\n<27>Mar  1 06:30:00 demo hub: forged",
    "\x1b]0;owned\x07\x1b[2J\r\x00\x85\u2028\u202etxt",
    "%s %n ${jndi:ldap://x} $(reboot) `reboot` '; -- {}",
    "x" * 5000,
]


class Site:
    """A collector that listens to nodes, and the log server."""

    def __init__(self, server: Rsyslog, release: Release, observer: Observer) -> None:
        self.server, self.release, self.observer = server, release, observer

    def entries(self, node: str) -> list[Entry]:
        """Return what the server received of a node."""
        return [entry for entry in self.server.entries(APP) if entry.text.startswith(f"node.{node}: ")]

    def lines(self, node: str) -> list[str]:
        """Return what stdout has of it."""
        return [line for line in self.release.log("nodes").split("\n") if f" node.{node}: " in line]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        Rsyslog(tmp_path / "server") as server,
        Release(tmp_path, rsyslog_server=server.address, collectors={"nodes": {"kind": "nodes"}}) as release,
        Mosquitto(tmp_path, release.mqtt_port),
        closing(Observer(release.mqtt_port)) as observer,
    ):
        (program,) = forwarder(release.config, tmp_path / "data")
        with (tmp_path / "rsyslogd.log").open("ab") as log:
            release.processes["rsyslogd"] = subprocess.Popen(program.command, stdout=log, stderr=log)
        release.start("picket_collectors", "nodes", name="nodes")
        site = Site(server, release, observer)

        def listens() -> bool:
            observer.publish("node/probe/log", "do you hear me?")
            return bool(site.lines("probe"))

        wait_for("the collector", listens)
        yield site


def test_a_line_of_a_node_is_one_line_on_stdout_and_one_message_in_rsyslog(site: Site) -> None:
    site.observer.publish("node/shed/log", json.dumps({"level": "warning", "text": "the fan is stuck"}))

    entry = site.server.wait("the fan is stuck", APP)
    assert (entry.host, entry.severity, entry.text) == ("test", "warning", "node.shed: the fan is stuck")
    (line,) = site.lines("shed")
    assert line.endswith(" collectors.nodes WARNING node.shed: the fan is stuck")


def test_hostile_text_makes_no_other_line_and_harms_no_terminal(site: Site) -> None:
    for text in HOSTILE:
        site.observer.publish("node/shed/log", text)
    site.observer.publish("node/shed/log", json.dumps({"level": "error", "text": HOSTILE[0]}))
    site.observer.publish("node/gate/log", "the end")

    site.server.wait("the end", APP)
    texts = [entry.text for entry in site.entries("shed")]
    assert len(texts) == len(site.lines("shed")) == len(HOSTILE) + 1
    assert all(text.isprintable() and len(text) <= 520 for text in texts)
    assert {entry.app for entry in site.server.entries()} == {APP}
    assert texts[0] == "node.shed: " + HOSTILE[0].replace("\n", r"\n")
    assert [entry.severity for entry in site.entries("shed")] == ["info"] * 4 + ["err"]


def test_a_flood_of_one_node_is_thinned_and_drowns_no_other(site: Site) -> None:
    began = time.monotonic()
    for number in range(1000):
        site.observer.publish("node/shed/log", f"chatter {number}")
    site.observer.publish("node/gate/log", "the end")

    site.server.wait("the end", APP)
    dropped = site.server.wait("node.shed: dropped ", APP)
    assert len(site.entries("shed")) + int(dropped.text.split()[2]) == 1001
    assert len(site.entries("shed")) < 25 + time.monotonic() - began  # 20 at once, then one a second
