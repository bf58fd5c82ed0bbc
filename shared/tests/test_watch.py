"""How messages look to people."""

from datetime import UTC, datetime

from picket.cli.watch import summary
from picket.messages import ThresholdEvent


def test_a_threshold_is_told_in_its_own_words() -> None:
    event = ThresholdEvent(
        time_ns=1,
        id="hot-1",
        type="new",
        threshold="hot",
        source="host",
        quantity="temperature_c",
        value=81.0,
        began_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
        why="host temperature_c was above 80",
    )

    assert summary(event) == "new    hot-1  host temperature_c was above 80"
