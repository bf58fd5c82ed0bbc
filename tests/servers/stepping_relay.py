"""The relay, stopped (SIGSTOP) at a step of a pulse when the file `stop-at` in its data folder says so, once.

The guard itself has no such hook: this wraps the few methods between which the steps lie, then runs it as ever.
"""

import os
import runpy
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

from picket_relay.expanders import Expander
from picket_relay.guard import Guard
from picket_relay.ledger import Ledger

STEPS = ("before the ledger", "before the pin", "pin on", "at the deadline")


def stop_at(step: str) -> None:
    """Stop this process if this step is asked for; whoever asked has it go on, or ends it."""
    file = Path(os.environ["STOP_AT_FILE"])
    with suppress(OSError):
        if file.read_text() == step:
            file.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)


def around(owner: type, name: str, mark: str, before: str = "", after: str = "") -> None:
    """Stop before or after a call of a method whose argument names (or has ON) the output of the fault table."""
    method: Callable[..., Any] = getattr(owner, name)

    @wraps(method)
    def stepping(self: Any, *arguments: Any) -> Any:
        meant = not mark or mark in repr(arguments)
        if before and meant:
            stop_at(before)
        result = method(self, *arguments)
        if after and meant:
            stop_at(after)
        return result

    setattr(owner, name, stepping)


if __name__ == "__main__":
    around(Ledger, "write", "'opening': Running", before="before the ledger", after="before the pin")
    around(Expander, "drive", "'opening': 'ON'", after="pin on")
    around(Guard, "end_due", "", before="at the deadline")
    runpy.run_module("picket_relay", run_name="__main__", alter_sys=True)
