"""An input that trips again and again is shut off until it has rested: a swinger, as alarm panels call it."""

from picket.config.schema import Input


class Swinger:
    """Motions without a rest between them: after `swinger_trips` no more is believed until there has been one."""

    def __init__(self, settings: Input) -> None:
        """Begin rested."""
        self._settings = settings
        self._trips = 0
        self._last = 0.0

    def shut_off(self, now: float) -> str:
        """Take in a pulse, and say why it is not to be believed, or nothing."""
        settings = self._settings
        if now - self._last >= settings.swinger_rest_seconds:
            self._trips = 0
        self._last = now
        if not settings.swinger_trips or self._trips < settings.swinger_trips:
            return ""
        return f"swinger: {self._trips} motions without {settings.swinger_rest_seconds:g} s of rest"

    def trip(self) -> None:
        """Take in that motion was believed."""
        self._trips += 1
