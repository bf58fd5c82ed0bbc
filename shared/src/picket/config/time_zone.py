"""Find a time zone by its name."""

from datetime import UTC, tzinfo

from picket.errors import ConfigError


def zone_of(name: str) -> tzinfo:
    """Return the zone, "UTC" without a database; raises ConfigError for a name that is none."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"expected the name of a time zone, as Europe/Berlin, got {name!r}") from None
