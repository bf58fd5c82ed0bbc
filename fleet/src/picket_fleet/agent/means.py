"""What converging works with."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from picket_fleet.agent.container import Host
from picket_fleet.agent.device import Settings
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.obtain import Obtaining
from picket_fleet.agent.report import Doing


class Teller(Protocol):
    """Who hears how it goes."""

    def tell(self, doing: Doing) -> None:
        """Hear how far the device is with a release."""

    def say(self, message: str) -> None:
        """Hear what people may want to know."""


class Means(NamedTuple):
    """The agent's folder and engine, who brings images, and whom to tell."""

    folder: Folder
    engine: Engine
    obtaining: Obtaining
    host: Callable[[], Host]
    settings: Settings
    teller: Teller
    pause: Callable[[float], None]  # waits so many seconds; raises ChangedError when all is to be given up
