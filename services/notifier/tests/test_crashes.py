"""What a service died of reaches Sentry: told on the bus, or at its next start."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.receiver import Receiver
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

DYING = """
import sys, threading
from pathlib import Path
from picket.service import Runtime, run

def in_callback():
    password = "hunter2hunter2"
    raise ValueError(f"mqtt://me:{password}@broker")

def build(runtime: Runtime) -> None:
    match sys.argv[1]:
        case "build":
            raise KeyError("board")
        case "callback":
            runtime.loop.at(runtime.loop.now() + 0.5, in_callback)
        case "thread":
            threading.Thread(target=in_callback).start()
        case "well":
            note = Path(runtime.config.data_dir) / "last-words" / "dying.json"
            runtime.loop.every(0.2, lambda: '"heard":true' in note.read_text() and runtime.loop.stop())

run("dying", build)
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def release(tmp_path: Path, receiver: Receiver) -> Iterator[Release]:
    with Release(tmp_path) as running:
        running.environment |= {"SENTRY_DSN": receiver.sentry_dsn, "MQTT_PASSWORD": "hunter2hunter2"}
        running.start_hub()
        running.start("picket_notifier")
        wait_for("the notifier's first look", lambda: running.consumers() >= {"notifier-sentry"})
        yield running


def die(release: Release, how: str) -> int:
    (release.folder / "dying.py").write_text(DYING)
    command = [sys.executable, "dying.py", how]
    return subprocess.run(command, cwd=release.folder, env=release.environment, check=False, timeout=120).returncode


@pytest.mark.parametrize(
    ("how", "raised", "function"),
    [
        pytest.param("build", ("KeyError", "'board'"), "build", id="as-it-is-built"),
        pytest.param("callback", ("ValueError", "mqtt://***@broker"), "in_callback", id="in-a-callback"),
        pytest.param("thread", ("ValueError", "mqtt://***@broker"), "in_callback", id="in-a-thread"),
    ],
)
def test_a_crash_reaches_sentry_with_its_frames(
    release: Release, receiver: Receiver, how: str, raised: tuple[str, str], function: str
) -> None:
    assert die(release, how) == 1

    wait_for("the event", lambda: receiver.events)
    event = receiver.events[0]
    exception = event["exception"]["values"][-1]
    assert (event["level"], event["tags"]["service"]) == ("fatal", "dying")
    assert (exception["type"], exception["value"]) == raised
    frames = exception["stacktrace"]["frames"]
    assert frames[-1]["function"] == function
    assert "hunter2" not in str(event)


def test_a_crash_while_the_hub_is_away_is_told_at_the_next_start(release: Release, receiver: Receiver) -> None:
    release.kill("picket_hub")
    assert die(release, "build") == 1
    note = release.folder / "data" / "last-words" / "dying.json"
    assert '"heard":false' in note.read_text()

    release.start_hub()
    assert die(release, "well") == 0

    wait_for("the event", lambda: receiver.events)
    assert receiver.events[0]["exception"]["values"][-1]["type"] == "KeyError"
    assert '"heard":true' in note.read_text()


def test_a_service_that_dies_at_every_start_does_not_fill_the_journal(release: Release, receiver: Receiver) -> None:
    for _ in range(4):
        assert die(release, "build") == 1

    wait_for("the event", lambda: receiver.events)
    assert len(release.journal("fault.dying")) == 1


def test_a_collector_that_can_not_be_configured_is_told_of(release: Release, receiver: Receiver) -> None:
    release.file.write_text(release.file.read_text() + "collectors: {attic: {kind: nonsense}}\n")
    process = release.start("picket_collectors", "attic")

    assert process.wait(60) == 2
    del release.processes["picket_collectors"]

    wait_for("the event", lambda: receiver.events)
    event = receiver.events[0]
    assert (event["tags"]["service"], event["tags"]["subject"]) == ("collectors.attic", "configuration")
    assert "expected one of" in event["logentry"]["formatted"]
