"""What the one who pushes sees, and whether anybody still does.

    hook --pipe--> git receive-pack --pipe, SSH or HTTP--> git push

When the connection breaks, git does not end: its part that passes the output on does, and then nobody reads the pipe.
So what counts is whether somebody reads; where there is nothing to tell for long, that is told.
"""

import fcntl
import os
import select
import signal
import subprocess
import termios
import time
from contextlib import suppress

from picket_fleet.build.errors import Cancelled, RefusedError
from picket_fleet.build.release import INFO
from picket_fleet.remote.push import Update

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
WIDTH = 12
PIECE = 512  # POSIX: a pipe that can be written takes as much
LOOK_SECONDS = 0.5
SILENT_SECONDS = 15.0
PATIENCE_SECONDS = 30.0


class Terminal:
    """The one who pushed an update."""

    def __init__(self, out: int, update: Update) -> None:
        """Write to the descriptor `out`; git started this process, and waits for it."""
        self._out = out
        self._update = update
        self._parent = os.getppid()
        self._written = self._read = 0
        self._spoke = self._heard = time.monotonic()

    def say(self, service: str, line: str) -> None:
        """Print a line; raises Cancelled when nobody reads it."""
        self._print("[Info]" if service == INFO else f"[{service}]", line)

    def finish(self, label: str, text: str) -> None:
        """Print the last lines, whether or not anybody reads them."""
        with suppress(Cancelled):
            for line in text.splitlines():
                self._print(label, line)

    def still_there(self) -> None:
        """Raise Cancelled when git has ended, or nobody reads what it is given."""
        self._check()
        if time.monotonic() - self._spoke > SILENT_SECONDS:
            self.say(INFO, "Still working")

    def confirm(self) -> None:
        """Raise when git would not take the push over any more; else nothing cancels it from here on."""
        self.check_branch()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def check_branch(self) -> None:
        """Raise when the branch has moved since git began, or nobody waits."""
        self._check()
        if _tip(self._update.ref) != self._update.old:
            name = self._update.ref.removeprefix("refs/heads/")
            raise RefusedError(f"{name} has moved meanwhile: fetch, and push again")

    def _print(self, label: str, line: str) -> None:
        data = f"{label:{WIDTH}} {line}\n".encode(errors="replace")
        try:
            while data:
                if select.select([], [self._out], [], LOOK_SECONDS)[1]:
                    written = os.write(self._out, data[:PIECE])
                    self._written += written
                    data = data[written:]
                else:
                    self._check()
        except OSError:
            raise Cancelled from None
        self._spoke = time.monotonic()

    def _check(self) -> None:
        now, unread = time.monotonic(), _unread(self._out)
        if unread == 0 or self._written - unread > self._read:
            self._heard = now
        self._read = self._written - unread
        if os.getppid() != self._parent or now - self._heard > PATIENCE_SECONDS:
            raise Cancelled


def cancel_on_signals() -> None:
    """Let the signals that end a program raise Cancelled, once."""

    def cancel(_number: int, _frame: object) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Cancelled

    for number in SIGNALS:
        signal.signal(number, cancel)


def _unread(pipe: int) -> int:
    """Return how much nobody has read yet; 0 for what is no pipe."""
    try:
        return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), "little")
    except OSError:
        return 0


def _tip(ref: str) -> str:
    """Return what a ref names in the repository that this runs in; zeros where there is none."""
    done = subprocess.run(["git", "rev-parse", "--quiet", "--verify", ref], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0" * 40
