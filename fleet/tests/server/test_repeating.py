"""What is done over and over goes on, and says so."""

import asyncio
import sqlite3

import pytest

from picket_fleet.server.repeating import repeat


@pytest.mark.parametrize(
    ("error", "tells_where"),
    [
        pytest.param(sqlite3.OperationalError("disk I/O error"), False, id="a-disk"),
        pytest.param(KeyError("web"), True, id="a-fault-of-ours"),
    ],
)
def test_what_fails_for_a_while_is_told_once_and_goes_on(
    error: Exception, tells_where: bool, caplog: pytest.LogCaptureFixture
) -> None:
    times = iter([None, error, error, None, None])

    def work() -> None:
        try:
            outcome = next(times)
        except StopIteration:
            raise asyncio.CancelledError from None
        if outcome:
            raise outcome

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(repeat("rollouts", 0.0, work))

    said = [record.getMessage() for record in caplog.records]
    assert said == [f"rollouts stand still: {error}", "rollouts go on"]
    assert bool(caplog.records[0].exc_info) == tells_where
