"""`picket` within a container: as the user picket, and knowing what the container's own processes know."""

import os

from picket.cli import main as command_line
from picket_base import surroundings
from picket_base.root import become_picket


def main() -> None:
    """Run a command as the container's service would."""
    if os.geteuid() == 0:
        become_picket()
    os.environ.update(surroundings.complete(os.environ.get("PICKET_SERVICE", ""), os.environ))
    command_line()
