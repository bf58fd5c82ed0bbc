"""Make the engine run what it is to run: look, plan, do; over and over until there is nothing to do."""

from collections.abc import Callable, Sequence
from pathlib import Path

from picket_fleet.agent.errors import AgentError, RejectedError
from picket_fleet.agent.folder import Progress, Rejected
from picket_fleet.agent.locks import Locks
from picket_fleet.agent.means import Means
from picket_fleet.agent.observe import observe
from picket_fleet.agent.plan import Kind, plan
from picket_fleet.agent.report import Doing
from picket_fleet.agent.steps import Steps
from picket_fleet.agent.target import Release, Target

ROUNDS = 6


class Converging:
    """Does what the plan says."""

    def __init__(self, means: Means) -> None:
        """Begin; nothing is looked at yet."""
        self._means = means
        self._folder, self._engine = means.folder, means.engine

    def good(self) -> Release | None:
        """Return the release that proved itself last."""
        return self._folder.kept("good.json", Release)

    def running(self) -> str:
        """Return the commit of the good release while a delta from it can be applied, else ""."""
        good = self.good()
        obtaining = self._means.obtaining
        return good.commit if good and obtaining.is_base(good, observe(self._engine).images) else ""

    def converge(self, target: Target) -> None:
        """Run the target's release, or the good one where that has failed; raises AgentError to be called again."""
        release, good = target.release, self.good()
        if release is None:
            return
        rejected = self._folder.rejected()
        if rejected and (good is None or rejected.target != release.digest):
            self._folder.reject(None)
            rejected = None
        if rejected is None:
            try:
                self._run(Steps(self._means, release, good, target))
                return
            except RejectedError as error:
                self._reject(release, good, str(error))
                rejected = self._folder.rejected()
        if good is None:
            raise AgentError(rejected.reason if rejected else "it does not run")
        back = Target(target.name, target.config, good)
        self._run(Steps(self._means, good, good, back, is_return=True))
        reason = rejected.reason if rejected else ""
        self._means.teller.tell(Doing(release, "rejected", reason=reason))

    def _reject(self, release: Release, good: Release | None, reason: str) -> None:
        self._means.teller.tell(Doing(release, "rejected", reason=reason))
        if good is None:
            # There is nothing to go back to, so it may as well be tried on.
            raise AgentError(f"release {release.commit[:7]} does not run: {reason}")
        if good.digest == release.digest:
            raise AgentError(f"release {release.commit[:7]} ran before, but now: {reason}")
        self._means.teller.say(f"Release {release.commit[:7]} does not run: {reason}. Going back to {good.commit[:7]}")
        self._folder.reject(Rejected(release.digest, release.commit, reason))

    def restart(self, release: Release, services: Sequence[str], begin: Callable[[], None]) -> None:
        """Restart services of a release that runs, or all (""), as somebody asked; `begin` notes that it is done."""
        asked = [c for c in observe(self._engine).containers if c.is_up and (c.service in services or "" in services)]
        locks = Locks(Path(self._means.settings.lock_folder) / str(release.app_id))
        if holder := locks.take({container.service for container in asked}):
            raise AgentError(f"A restart is locked by {holder}")
        try:
            begin()
            self._folder.begin(Progress(Kind.RESTART, release.commit, tuple(services)))
            for container in asked:
                self._means.teller.say(f"Restarting service '{container.service}'")
                self._engine.post(f"/containers/{container.id}/restart")
            self._folder.begin(Progress(Kind.IDLE, release.commit))
        finally:
            locks.release()

    def _run(self, steps: Steps) -> None:
        """Converge; raises RejectedError when the release does not run, AgentError to be tried again."""
        try:
            for _ in range(ROUNDS):
                planned = plan(observe(self._engine), steps.goal())
                if not planned:
                    steps.settle()
                    return
                for step in planned:
                    self._means.pause(0)
                    steps.do(step)
        finally:
            steps.release_locks()
        raise AgentError("the engine does not come to rest")
