"""What can go wrong in the fleet's own work."""


class FleetError(Exception):
    """Something the fleet could not do; its text is for people."""


class DeltaError(FleetError, ValueError):
    """A delta that can't be applied: damaged, or made for another base."""
