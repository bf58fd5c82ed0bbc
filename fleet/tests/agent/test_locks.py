"""Update locks: all or none, and one's own are known after a kill."""

import os
import time
from pathlib import Path

import pytest

from picket_fleet.agent.locks import LOCK, Locks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="locks are given to another user, which takes root")


def test_locks_are_taken_all_or_none(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    locks.prepare(["hub", "web"])
    (tmp_path / "web" / LOCK).touch()

    holder = locks.take(["hub", "web"])

    assert holder == "web"
    assert not (tmp_path / "hub" / LOCK).exists()


def test_a_held_lock_is_overridden_when_it_may_be(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    locks.prepare(["web"])
    (tmp_path / "web" / LOCK).touch()

    assert locks.take(["web"], override=True) == ""


def test_what_a_killed_agent_held_is_swept_and_what_a_service_holds_is_not(tmp_path: Path) -> None:
    killed = Locks(tmp_path)
    killed.prepare(["hub", "web"])
    killed.take(["hub"])
    (tmp_path / "web" / LOCK).touch()

    Locks(tmp_path).sweep()

    assert not (tmp_path / "hub" / LOCK).exists()
    assert (tmp_path / "web" / LOCK).exists()


def test_a_service_without_root_may_lock_and_not_unlock_what_the_agent_locked(tmp_path: Path) -> None:
    Locks(tmp_path).prepare(["web"])

    assert (tmp_path / "web").stat().st_mode & 0o7777 == 0o1777


def test_who_holds_a_lock_for_a_while_is_told_with_the_reason(tmp_path: Path) -> None:
    locks = Locks(tmp_path)
    locks.prepare(["relay", "web", "hub", "trap"])
    (tmp_path / "relay" / LOCK).write_text('{"reason": "siren pulses"}')
    (tmp_path / "web" / LOCK).write_text("")
    os.mkfifo(tmp_path / "trap" / LOCK)

    later = time.time() + 60

    assert locks.held(later) == {"relay": "siren pulses", "web": "", "trap": ""}
    assert locks.held(time.time()) == {}
