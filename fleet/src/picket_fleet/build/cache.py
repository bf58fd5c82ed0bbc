"""What builds leave in the engine, where the next ones find it; what the last KEPT did not use is removed.

The engine makes an image of each step, and tells its id. Only those go that have no name and that nothing is made of:
base images, and what others have built, are not touched. No release needs any: its layers are the fleet's own by then.

    Step 2/3 : COPY hub.py /opt/
     ---> Using cache                  or: Running in <container>
     ---> 5c0ffee00dad
"""

import re
from collections.abc import Callable

from picket_fleet.build.architecture import PLATFORMS, architecture
from picket_fleet.build.engine import Engine
from picket_fleet.home import Home
from picket_fleet.store import built
from picket_fleet.store.database import Database

KEPT = 10  # builds, also those that failed and those of previews
STEP = re.compile(r"Step \d+/\d+ : (\S+)")
IMAGE = re.compile(r" ---> ([0-9a-f]{12,64})\s*")


class Steps:
    """Listens to a build and passes on what it says."""

    def __init__(self, say: Callable[[str], None], images: list[str]) -> None:
        """Add the images that it makes, or finds, to a list."""
        self._say = say
        self._images = images
        self._is_base = False

    def hear(self, line: str) -> None:
        """Hear a line."""
        if step := STEP.match(line):
            self._is_base = step[1].upper() == "FROM"
        elif (image := IMAGE.fullmatch(line)) and not self._is_base:
            self._images.append(image[1])
        self._say(line)


def prune(home: Home, database: Database) -> None:
    """Remove what the last builds did not use; raises BuildError where the engine does not answer."""
    unused = built.unused(database, KEPT)
    if not unused:
        return
    engine = Engine(home.configuration.engine, PLATFORMS[architecture(home.configuration.device_type)])
    try:
        for image in unused:
            if engine.remove(image):
                built.forget(database, image)
    finally:
        engine.close()
