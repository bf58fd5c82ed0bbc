import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from picket_relay.failsafe_plan import process
from picket_relay.updates_lock import GRACE_SECONDS, OURS, UpdatesLock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "updates.lock"


def dead() -> list[object]:
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = list(process(ended.pid))
    ended.communicate()
    return identity


def left(file: Path, owner: object, expires_at: float = 1e12, by: str = OURS) -> None:
    file.write_text(json.dumps({"by": by, "reason": "siren pulses", "process": owner, "expires_at": expires_at}))


def test_it_is_held_for_the_pulses_with_a_reason_and_an_expiry_and_released_at_their_end(file: Path) -> None:
    lock = UpdatesLock(str(file), wall=lambda: 1000.0)

    lock.keep([("siren", 5.0), ("gate", 2.0)])
    body = json.loads(file.read_bytes())
    assert (
        body["by"] == OURS and body["reason"] == "gate, siren pulse" and body["process"] == list(process(os.getpid()))
    )
    assert body["expires_at"] == 1005.0 + GRACE_SECONDS
    assert lock.state() == "held: gate, siren pulse"

    lock.keep([("siren", 9.0)])
    assert json.loads(file.read_bytes())["expires_at"] == 1009.0 + GRACE_SECONDS

    lock.keep([])
    assert not file.exists() and lock.state() == ""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty, as lockfile makes it"),
        pytest.param(b'{"by": "somebody"}', id="another's words"),
        pytest.param(b"\xff", id="no text"),
    ],
)
def test_somebody_elses_is_respected_until_it_is_gone(file: Path, body: bytes) -> None:
    file.write_bytes(body)
    lock = UpdatesLock(str(file))

    lock.keep([("siren", 5.0)])
    assert file.read_bytes() == body and lock.state() == "not held: somebody else holds it"
    lock.keep([])
    assert file.read_bytes() == body

    file.unlink()
    lock.keep([("siren", 4.0)])
    assert lock.state() == "held: siren pulses"


def test_a_lock_of_ours_whose_process_is_dead_is_cleared_at_the_start(file: Path) -> None:
    left(file, dead())

    UpdatesLock(str(file))

    assert not file.exists()


def test_one_of_a_living_process_of_ours_is_respected_until_its_time_is_up(file: Path) -> None:
    left(file, list(process(os.getppid())), expires_at=1000.0)
    now = 999.0
    lock = UpdatesLock(str(file), wall=lambda: now)
    lock.keep([("siren", 5.0)])
    assert lock.state() == "not held: somebody else holds it"

    now = 1001.0
    lock.keep([("siren", 5.0)])

    assert lock.state() == "held: siren pulses"


def test_one_that_was_taken_from_us_is_not_removed(file: Path) -> None:
    lock = UpdatesLock(str(file))
    lock.keep([("siren", 5.0)])
    file.write_text("somebody's now")

    lock.release()

    assert file.read_text() == "somebody's now"


def test_without_a_supervisor_it_is_at_rest_and_makes_no_folder(tmp_path: Path) -> None:
    lock = UpdatesLock(str(tmp_path / "balena" / "updates.lock"))

    lock.keep([("siren", 5.0)])

    assert lock.state() == "at rest: no supervisor here" and not (tmp_path / "balena").exists()
