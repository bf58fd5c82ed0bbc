import os
import subprocess
import sys
from pathlib import Path

import pytest

from picket_relay.ownership import ChipLock
from tests.servers.waiting import wait_for

TAKES_IT_AND_WAITS = """
import sys
from picket_relay.ownership import ChipLock
assert ChipLock(sys.argv[1]).acquire()
sys.stdin.read()
"""


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    first, second = ChipLock(tmp_path), ChipLock(tmp_path)

    assert first.acquire() and not second.acquire(0.02)
    assert second.holder().startswith(f"process {os.getpid()} (")

    first.release()
    with second:
        assert second.acquire() and second.held
    assert first.acquire() and not second.held


@pytest.mark.slow
def test_a_killed_holder_leaves_it_free_and_a_living_one_is_named(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", TAKES_IT_AND_WAITS, str(tmp_path)]
    lock = ChipLock(tmp_path)
    with subprocess.Popen(arguments, stdin=subprocess.PIPE) as holder:
        wait_for("the other to take it", lambda: str(holder.pid) in lock.holder())
        assert not lock.acquire(0.05)

        holder.kill()

        assert lock.acquire(5.0)
    assert str(os.getpid()) in lock.holder()


def test_a_holder_that_left_no_number_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "relay.lock").write_text("rubbish")

    assert ChipLock(tmp_path).holder() == "an unknown process"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ChipLock(tmp_path / "nowhere").acquire()
