"""What can go wrong on a device."""

from picket_fleet.errors import FleetError


class AgentError(FleetError):
    """Something that is tried again later."""


class EngineError(AgentError):
    """The container engine refused something."""

    def __init__(self, text: str, status: int) -> None:
        """Keep the HTTP status of its answer."""
        super().__init__(text)
        self.status = status


class EngineGoneError(AgentError):
    """The container engine does not answer."""


class ServerError(AgentError):
    """The fleet's server refused something."""

    def __init__(self, text: str, status: int) -> None:
        """Keep the HTTP status of its answer."""
        super().__init__(text)
        self.status = status


class ServerGoneError(AgentError):
    """The fleet's server does not answer."""


class SpaceError(AgentError):
    """The disk is too full for the next step."""


class TargetError(FleetError):
    """A target state that makes no sense, or is not signed by the fleet: it is left alone."""


class RejectedError(FleetError):
    """A release that does not work on this device: what ran before is to run again."""


class ChangedError(FleetError):
    """There is another target by now, or the agent is to end: what is going on is given up."""
