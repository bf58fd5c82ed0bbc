"""What keeps a push from becoming a release."""

from picket_fleet.errors import FleetError


class RefusedError(FleetError):
    """What was pushed is not what can be built; a line for each reason, with file and line."""


class BuildError(FleetError):
    """An image that could not be built."""


class Cancelled(BaseException):
    """The one who pushed has gone; like KeyboardInterrupt, nobody is to take it for an error of the work."""
