"""A push that waits, and one that is broken off, without an engine."""

import io
import tarfile
from collections.abc import Iterator

import pytest
import requests

from fleet.tests.server.conftest import Fleet
from picket_fleet.build.locks import is_locked
from picket_fleet.build.release import one_at_a_time
from picket_fleet.store import keys
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def anna(fleet: Fleet) -> str:
    """A person's token."""
    return keys.give_out(fleet.database, keys.PERSON, "anna")


@pytest.fixture
def waiting(fleet: Fleet, anna: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Response]:
    """The answer to a push that waits for another build."""
    monkeypatch.setattr("picket_fleet.cloud.push.ALIVE_SECONDS", 0.1)
    with one_at_a_time(fleet.home):
        yield fleet.call("POST", "/v3/build?slug=house", anna, data=tar(), stream=True)


def tar() -> bytes:
    """Return an empty project."""
    out = io.BytesIO()
    tarfile.open(fileobj=out, mode="w").close()
    return out.getvalue()


def first_message(answer: requests.Response) -> str:
    """Return what a push is told first."""
    return next(str(line) for line in answer.iter_lines() if b"message" in line)


def test_a_push_that_waits_for_another_build_is_told_so(waiting: requests.Response) -> None:
    with waiting:
        assert "Another release is being built; this one waits" in first_message(waiting)


def test_a_push_that_is_broken_off_while_nothing_is_said_ends(fleet: Fleet, waiting: requests.Response) -> None:
    first_message(waiting)

    waiting.close()

    wait_for("the end of the push", lambda: not list(fleet.home.builds.glob("sent-*")))
    assert is_locked(fleet.home.builds / ".lock")
