"""How long to wait before the next try."""

from datetime import UTC, datetime

import pytest

from picket.backoff import Backoff, retry_after_seconds


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        pytest.param(Backoff(), [1, 2, 4, 8, 16, 32, 60, 60], id="to-a-minute"),
        pytest.param(Backoff(0.5, 10), [0.5, 1, 2, 4, 8, 10, 10], id="to-any-bound"),
        pytest.param(Backoff(2, 2), [2, 2, 2], id="all-the-same"),
        pytest.param(Backoff(0.5, 10, jitter=lambda: 0.5), [0.25, 0.5, 1, 2, 4, 5, 5], id="with-jitter"),
    ],
)
def test_waits_double_up_to_a_bound_and_begin_anew_after_success(backoff: Backoff, waits: list[float]) -> None:
    seen = [backoff.next_seconds() for _ in waits]
    backoff.reset()

    assert seen == waits
    assert backoff.next_seconds() == waits[0]


def test_every_wait_has_a_jitter_of_its_own() -> None:
    jitters = iter([1.1, 0.9])
    backoff = Backoff(10, 100, jitter=lambda: next(jitters))

    assert [backoff.next_seconds(), backoff.next_seconds()] == [11.0, 18.0]


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        pytest.param(7.0, 7.0, id="as-asked"),
        pytest.param(0.0, 1.0, id="not-at-once"),
        pytest.param(1e9, 3600.0, id="not-for-ever"),
    ],
)
def test_the_other_side_may_ask_for_a_wait(asked: float, waited: float) -> None:
    assert Backoff().next_seconds(asked) == waited


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("30", 30.0, id="seconds"),
        pytest.param(None, None, id="none"),
        pytest.param("", None, id="empty"),
        pytest.param("Sat, 21 Nov 2026 18:00:20 GMT", 20.0, id="date"),
        pytest.param("Saturday, 21-Nov-26 18:00:20 GMT", 20.0, id="date-of-old"),
        pytest.param("Sat, 21 Nov 2026 17:00:00 GMT", 0.0, id="date-gone-by"),
        pytest.param("Sat, 99 Nov 2026 18:00:20 GMT", None, id="no-date"),
        pytest.param("Fri, 31 Dec 99999 23:59:59 GMT", None, id="date-after-all-dates"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="nonsense"),
    ],
)
def test_retry_after_is_read(header: str | None, expected: float | None) -> None:
    now = datetime(2026, 11, 21, 18, tzinfo=UTC).timestamp()

    assert retry_after_seconds(header, wall=lambda: now) == expected
