"""The agent as a process; with two more words it kills itself: `before` or `after` a step of its progress file."""

import logging
import os
import signal
import sys
from pathlib import Path

from picket_fleet.agent import command
from picket_fleet.agent.folder import Folder, Progress


def _kill_at(when: str, step: str) -> None:
    begin = Folder.begin

    def killing(self: Folder, progress: Progress) -> None:
        is_over = self.progress().step == step and progress.step != step
        if when == "after" and is_over:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(self, progress)
        if when == "before" and progress.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    Folder.begin = killing  # type: ignore[method-assign]


if __name__ == "__main__":
    folder, *killed_at = sys.argv[1:]
    if killed_at:
        _kill_at(*killed_at)
    logging.captureWarnings(True)
    sys.exit(command.main(["run", "--folder", str(Path(folder))]))
