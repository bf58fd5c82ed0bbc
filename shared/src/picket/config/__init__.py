"""The configuration: one file of the fleet, what differs on a device, and variables, checked as a whole."""

from picket.config.load import Loaded, load, load_with_origins
from picket.config.schema import Config

__all__ = ["Config", "Loaded", "load", "load_with_origins"]
