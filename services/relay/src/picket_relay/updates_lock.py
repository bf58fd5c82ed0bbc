"""Hold balena's update lock while an output pulses: an update would stop the guard in the middle of it.

The supervisor updates nothing while `/tmp/balena/updates.lock` exists, and so does the fleet's agent; both make it by
exclusive creation. Ours holds JSON: who holds it, why, and until when:

    {"by": "picket relay", "reason": "siren pulses", "process": [boot id, number, start], "expires_at": 1763749501.0}

One that bears our name is stale when its process is dead or its time is up, and is cleared; any other is respected.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from picket_relay.failsafe_plan import Process, process

OURS = "picket relay"
GRACE_SECONDS = 5.0  # a pulse's end may be late while a chip does not answer

log = logging.getLogger("updates")


class UpdatesLock:
    """The lock file as this process may hold it; at rest where its folder is missing, as there is no supervisor."""

    def __init__(self, file: str, wall: Callable[[], float] = time.time) -> None:
        """Clear a stale lock of ours; nothing is held yet."""
        self._file = Path(file)
        self._wall = wall
        self._me = process(os.getpid())
        self._held: tuple[str, float] | None = None  # reason, wall clock of the expiry
        self._refused = ""
        self._clear_if_stale()

    def keep(self, pulses: Iterable[tuple[str, float]]) -> None:
        """Hold the lock for (output, seconds left) of what pulses now; release it when nothing does."""
        left = dict(pulses)
        if not left:
            self.release()
            return
        reason = f"{', '.join(sorted(left))} {'pulses' if len(left) == 1 else 'pulse'}"
        expires_at = self._wall() + max(left.values()) + GRACE_SECONDS
        if self._held and self._held[0] == reason and abs(self._held[1] - expires_at) < 1.0:
            return
        try:
            if self._held:
                self._rewrite(reason, expires_at)
            else:
                self._create(reason, expires_at)
            self._held, self._refused = (reason, expires_at), ""
        except OSError as error:
            self._refuse(error)

    def release(self) -> None:
        """Let updates happen again; a lock that is not ours stays."""
        if self._held:
            self._held = None
            if self._owner() == self._me:
                self._remove()
        self._refused = ""

    def state(self) -> str:
        """Say how things stand, for people: "" when nothing is held."""
        return f"held: {self._held[0]}" if self._held else self._refused

    def _create(self, reason: str, expires_at: float) -> None:
        self._clear_if_stale()
        new = self._written(reason, expires_at)
        try:
            self._file.hardlink_to(new)  # as exclusive as O_EXCL, and never seen empty: an empty one is nobody's
        finally:
            new.unlink()

    def _rewrite(self, reason: str, expires_at: float) -> None:
        if self._owner() != self._me:  # somebody took it away
            self._held = None
            self._create(reason, expires_at)
            return
        self._written(reason, expires_at).replace(self._file)

    def _written(self, reason: str, expires_at: float) -> Path:
        body = {"by": OURS, "reason": reason, "process": self._me, "expires_at": round(expires_at, 3)}
        new = self._file.with_name(f"{self._file.name}.{self._me.number}")
        new.write_text(json.dumps(body))
        return new

    def _refuse(self, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            refused = "at rest: no supervisor here"
        elif isinstance(error, FileExistsError):
            refused = "not held: somebody else holds it"
        else:
            refused = f"not held: {error.strerror or error}"
        if refused != self._refused:
            self._refused = refused
            log.info("%s: %s", self._file, refused)

    def _clear_if_stale(self) -> None:
        owner = self._owner()
        if owner is None or owner == self._me:
            return
        why = "its time is up" if owner == "expired" else "its process is dead" if _dead(owner) else ""
        if why:
            log.warning("%s: cleared, %s", self._file, why)
            self._remove()

    def _owner(self) -> Process | Literal["expired"] | None:
        """Return whose lock of ours lies there; None for nobody's or somebody else's."""
        try:
            body = json.loads(self._file.read_bytes())
            if body["by"] != OURS:
                return None
            owner = Process(*body["process"])
            return "expired" if body["expires_at"] < self._wall() and owner != self._me else owner
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def _remove(self) -> None:
        with suppress(OSError):
            self._file.unlink()


def _dead(owner: Process) -> bool:
    try:
        return process(owner.number) != owner
    except OSError:
        return True
