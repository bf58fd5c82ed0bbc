"""Logs as they come to a real rsyslogd: whole, named, in order, and after an outage of any part of the way."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from picket_base.rsyslog import forwarder
from tests.servers.ports import free_ports
from tests.servers.release import Release
from tests.servers.rsyslog import PROGRAM, Rsyslog
from tests.servers.waiting import wait_for
from tests.servers.whole import Whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not Path(PROGRAM).exists(), reason="rsyslogd is not installed (tests/prepare.sh does)"),
]

TALKER = """
import logging
from pathlib import Path
from picket.service import run

said = 0

def talk():
    global said
    target = Path("talk").read_text()
    while said < int(target or 0):
        logging.getLogger("talk").info("line %d of many", said)
        said += 1

run("talker", lambda runtime: runtime.loop.every(0.01, talk))
"""
CRASHER = """
from picket.service import run
run("crasher", lambda runtime: 1 / 0)
"""
SECRETS = {
    "MQTT_PASSWORD": "mqtt-secret",
    "INFLUX_TOKEN": "influx-secret",
    "SLACK_WEBHOOK_URL": "http://127.0.0.1:PORT/services/T0/B0/hook-secret",
    "SENTRY_DSN": "http://sentry-secret@127.0.0.1:PORT/42",
}
SECRET = re.compile("(mqtt|influx|hook|sentry)-secret")


class Site:
    """A forwarder and services of a release, and the server."""

    def __init__(self, folder: Path, server: Rsyslog, release: Release) -> None:
        (folder / "talker.py").write_text(TALKER)
        (folder / "crasher.py").write_text(CRASHER)
        (folder / "talk").write_text("0")
        self.folder, self.server, self.release = folder, server, release
        self.asked = 0

    def start_forwarder(self) -> None:
        (program,) = forwarder(self.release.config, self.folder / "data")
        with (self.folder / "rsyslogd.log").open("ab") as log:
            self.release.processes["rsyslogd"] = subprocess.Popen(program.command, stdout=log, stderr=log)

    def kill_forwarder(self) -> None:
        process = self.release.processes.pop("rsyslogd")
        process.kill()
        process.wait(20)

    def talk(self, lines: int) -> int:
        """Have the talker log so many lines more, wait until they are on stdout, and return the last one's number."""
        self.asked += lines
        (self.folder / "talk").write_text(str(self.asked))
        last = f"line {self.asked - 1} of many"
        wait_for("lines on stdout", lambda: last in self.release.log("talker"), 60)
        return self.asked - 1

    def wait_on_disk(self, number: int) -> None:
        """Wait until the forwarder's queue has a line on disk."""
        queue = self.folder / "data" / "rsyslog"
        text = f"line {number} of many".encode()
        wait_for("the queue", lambda: any(text in file.read_bytes() for file in queue.glob("forward.0*")), 30)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        Rsyslog(tmp_path / "server") as server,
        Release(tmp_path, rsyslog_server=server.address) as release,
    ):
        yield Site(tmp_path, server, release)


@contextmanager
def whole(folder: Path, server: Rsyslog, **environment: str) -> Iterator[Whole]:
    release = Whole(folder, RSYSLOG_SERVER=server.address, **environment)
    try:
        yield release
    finally:
        release.stop()


def test_a_crash_is_one_message_with_its_traceback_and_the_names_of_service_and_device(site: Site) -> None:
    site.start_forwarder()
    site.release.start("crasher")

    traceback = site.server.wait("Traceback", "crasher")
    first = site.server.entries("crasher")[0]

    assert first.text.startswith("crasher: starts with configuration ")
    assert (traceback.host, traceback.severity, traceback.text.count("\n")) == ("test", "err", 0)
    assert traceback.text.startswith("crasher: crashed\\nTraceback (most recent call last):\\n")
    assert traceback.text.endswith("ZeroDivisionError: division by zero")


def test_lines_outlast_an_outage_of_the_server_and_the_death_of_the_forwarder_in_order(site: Site) -> None:
    site.release.start("talker")
    site.talk(30)  # nobody forwards yet
    site.start_forwarder()
    last = site.talk(100)
    site.server.wait(f"line {last} of many", "talker")

    site.server.stop()
    site.wait_on_disk(site.talk(300))
    site.kill_forwarder()
    site.talk(100)  # stdout goes on
    site.start_forwarder()
    last = site.talk(100)
    site.wait_on_disk(last)
    site.server.start()
    site.server.wait(f"line {last} of many", "talker", 60)

    texts = "\n".join(entry.text for entry in site.server.entries("talker"))
    came = [int(number) for number in re.findall(r"line (\d+) of many", texts)]
    assert list(dict.fromkeys(came)) == list(range(last + 1))  # what was on its way as one died may have come twice


def test_the_whole_release_forwards_and_no_secret_is_in_any_line(tmp_path: Path) -> None:
    dead, influx = free_ports(2)
    secrets = {name: value.replace("PORT", str(dead)) for name, value in SECRETS.items()}
    other = {"INFLUX_URL": f"http://127.0.0.1:{influx}", "MQTT_USERNAME": "demo", "PICKET__LOG_LEVEL": "debug"}
    with Rsyslog(tmp_path / "server") as server, whole(tmp_path, server, **secrets, **other) as release:
        release.start().close()
        connected = server.wait("connected to", "gateway")
        server.wait("", "relay")
        server.wait("", "recorder", 60)  # which can't reach its server
        release.kill("relay")
        server.wait("", "notifier", 60)

        texts = [entry.text for entry in server.entries()]
        texts += [file.read_text(errors="replace") for file in (tmp_path / "var" / "log").iterdir()]

    assert (connected.host, connected.severity) == ("demo", "info")
    assert not [text for text in texts if SECRET.search(text)]
