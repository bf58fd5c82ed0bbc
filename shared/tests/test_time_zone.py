"""Time zones and quiet hours, as they are checked."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from picket.config import load
from picket.config.time_zone import zone_of
from picket.errors import ConfigError


def test_a_zone_is_found_by_its_name() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(zone_of("Europe/Berlin"))

    assert (summer.hour, summer.tzname()) == (14, "CEST")
    assert zone_of("UTC") is UTC


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "time_zone: Mars/Olympus",
            "picket.yaml:2: time_zone: expected the name of a time zone, as Europe/Berlin, got 'Mars/Olympus'",
            id="no-zone",
        ),
        pytest.param("time_zone: ../../etc/passwd", "time_zone: expected the name of a time zone", id="a-path"),
        pytest.param("time_zone: ''", "time_zone: expected the name of a time zone", id="nothing"),
        pytest.param(
            "notifier:\n  quiet_hours: {begin: '22:30', until: '22:30'}",
            "picket.yaml:3: notifier.quiet_hours.until: expected another time than begin, got '22:30'",
            id="no-hours",
        ),
        pytest.param(
            "notifier:\n  quiet_hours: {begin: '24:00', until: '7:00'}",
            "picket.yaml:3: notifier.quiet_hours.begin: expected str matching regex",
            id="no-time-of-day",
        ),
        pytest.param(
            "notifier:\n  quiet_hours: {begin: '22:30'}",
            "picket.yaml:3: notifier.quiet_hours.until: is missing",
            id="no-end",
        ),
    ],
)
def test_what_is_wrong_with_the_hours_is_said_with_its_place(tmp_path: Path, lines: str, expected: str) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text(f"device: demo\n{lines}\n")

    with pytest.raises(ConfigError) as refused:
        load(file, {})

    assert expected in str(refused.value)


def test_quiet_hours_without_quotes_are_times_too(tmp_path: Path) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text("device: demo\nnotifier:\n  quiet_hours: {begin: 22:30, until: 07:00}\n")

    quiet = load(file, {}).notifier.quiet_hours

    assert quiet is not None
    assert (quiet.begin, quiet.until) == ("22:30", "07:00")
