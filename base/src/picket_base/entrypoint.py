"""A container's first process: prepare, give root up, and become what the container runs.

    NO_START                 hold: do nothing until the container is stopped, for looking around in it
    TEST_ON_START_ADDRESS    say in one line whether an address can be reached; whether or not, go on
    root                     hand over the devices and the data folders, then be the user picket for good
    the configuration        check it; a mistake ends the container with a line each
    what runs                one program: become it. More: become supervisord

PID 1 ignores signals that it has no handler for, so a SIGTERM is held back here, and the service takes it when it can.
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)
RUN = Path("/run/picket")
NO = ("", "0", "false", "no", "off")


def main() -> NoReturn:
    """Run the container that PICKET_SERVICE names: the image's, or the one that the composition makes of it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    container = os.environ.get("PICKET_SERVICE", "")
    if os.environ.get("NO_START", "").lower() not in NO:
        hold("NO_START is set")
    if address := os.environ.get("TEST_ON_START_ADDRESS"):
        from picket_base.reachability import reach

        say(f"TEST_ON_START_ADDRESS: {reach(address)}")
    if os.geteuid() == 0:
        from picket_base.root import drop

        drop(RUN)
    start(container)


def start(container: str) -> NoReturn:
    """Check the configuration and become the container's program; ends with 2 for a bad configuration."""
    # Imported here: a hold needs none of it.
    from picket.config import load_with_origins
    from picket.errors import PicketError
    from picket_base import contents, surroundings

    try:
        environment = surroundings.complete(container, os.environ)
        loaded = load_with_origins(environment=environment)  # each collector checks its own part, and tells the bus
        rest = contents.reason_to_rest(container, loaded)
        programs = [] if rest else contents.programs(container, loaded)
    except PicketError as error:
        say(str(error))
        sys.exit(2)
    if rest:
        hold(rest)
    become(contents.command(programs, RUN), environment, held_back=contents.takes_signals(programs))


def hold(why: str) -> NoReturn:
    """Say why nothing runs, and wait to be stopped."""
    say(f"rests: {why}")
    signal.sigwait(SIGNALS)
    sys.exit(0)


def become(command: list[str], environment: Mapping[str, str], *, held_back: bool) -> NoReturn:
    """Run a command in this process's place; a signal that came meanwhile is left to it, or heeded here."""
    if not held_back:
        if signal.sigpending():
            sys.exit(0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    os.execvpe(command[0], command, environment)


def say(text: str) -> None:
    """Say a line in the container's log."""
    print(f"picket: {text}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
