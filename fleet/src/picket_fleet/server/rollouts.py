"""Rollouts go on while the server runs: it looks at the devices, and lets more of them go, or takes a release back."""

import logging

from picket_fleet.releases.rollout import Phase
from picket_fleet.server.changes import Changes
from picket_fleet.store import releases, rolling
from picket_fleet.store.database import Database
from picket_fleet.store.rolling import Change

LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


class Rollouts:
    """Judges the devices of the fleet's rollout, over and over."""

    def __init__(self, database: Database, changes: Changes) -> None:
        """Begin with what the database has."""
        self._database = database
        self._changes = changes
        self._said: tuple[int, Phase, int] | None = None

    def look(self, now: float) -> None:
        """Begin what is due, and judge what is under way; says in the log what has become of it."""
        change = rolling.look(self._database, now)
        if change is None:
            return
        after = change.after
        stands = after.release, after.phase, after.stage
        if stands == self._said:
            return
        is_first, self._said = self._said is None, stands
        if change.before is None or (change.before.phase, change.before.stage) != stands[1:]:
            self._changes.wake()
        elif is_first and after.phase != Phase.ROLLING:
            return  # it ended before this server began
        self._tell(change)

    def _tell(self, change: Change) -> None:
        after = change.after
        version, base = (releases.get(self._database, number).version for number in (after.release, after.base))
        if after.phase == Phase.ROLLING:
            count = sum(member.stage <= after.stage for member in after.members.values())
            log.info("%s is rolled out: %s, %d devices", version, after.policy.stage_name(after.stage), count)
        elif after.phase == Phase.DONE:
            log.info("%s is rolled out to everybody", version)
        elif after.phase == Phase.HALTED:
            log.warning("the rollout of %s is halted: %s", version, after.reason)
        elif after.phase == Phase.TAKEN_BACK:
            log.warning("%s is taken back, everybody is to run %s: %s", version, base, after.reason)
