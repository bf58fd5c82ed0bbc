"""The command `fleet`: on a device (`fleet device join|run|sweep`) the agent, else it acts on the folder of a fleet.

    commands  the parser of all, and how one is run
    serving   init, serve
    show      devices, device, releases, release
    steer     pin, rollback, invalidate, finalize, restart, stop, start, identify
    rollout   rollout; rollout policy, continue, halt, undo
    preview   preview
    rename    rename, tag, note, remove
    env       env set, unset, list
    log       logs
    joining   join, replace, token new, list, revoke
    views     what is shown, as mappings
    tables    how it is written
    names     what people name
    session   what each command works on

Exit codes: 0 done, 1 could not be done (the reason is on stderr), 2 not understood, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

from picket_fleet.agent import command as agent
from picket_fleet.errors import FleetError


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except FleetError as error:
        return _refuse(str(error))
    except BrokenPipeError:  # whoever read this has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refuse(f"{error.filename or 'it did not work'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130


def _run(words: list[str]) -> int:
    if len(words) > 1 and words[0] == "device" and words[1] in agent.VERBS:
        return agent.main(words[1:])
    from picket_fleet.cli import commands  # a device does without its 20 MB

    return commands.run(words)


def _refuse(reason: str) -> int:
    print(f"fleet: {reason}", file=sys.stderr)
    return 1
