"""Render the supervisord configuration of a set of programs: pure text, started by whoever asked for it."""

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from picket.unix_socket import socket_path
from picket_base.programs import Program

STOP_SECONDS = 8
LOG_BYTES = 1_000_000


def render(programs: Iterable[Program], folder: Path) -> str:
    """Return the configuration; logs, process id and control socket lie in `folder`."""
    control = socket_path(folder, "supervisor.sock")
    head = f"""\
; Written by `picket run`: change the configuration, not this.
[supervisord]
nodaemon = true
silent = true
logfile = {_escaped(folder)}/log/supervisord.log
logfile_maxbytes = {LOG_BYTES}
logfile_backups = 1
pidfile = {_escaped(folder)}/supervisord.pid
childlogdir = {_escaped(folder)}/log

[unix_http_server]
file = {_escaped(control)}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl = unix://{_escaped(control)}
"""
    programs = list(programs)
    return head + "".join(_section(program, folder) for program in programs) + _together(programs)


def command(file: Path) -> list[str]:
    """Return the command that runs a configuration."""
    return [sys.executable, "-m", "picket_base.supervise", "-c", str(file)]


def _together(programs: Iterable[Program]) -> str:
    """Return the group of the collectors: of a group all are stopped at once, and groups one after the other."""
    collectors = [program for program in programs if program.name.startswith("collectors.")]
    if not collectors:
        return ""
    names = ",".join(program.name for program in collectors)
    return f"\n[group:collectors]\nprograms = {names}\npriority = {collectors[0].priority}\n"


def _section(program: Program, folder: Path) -> str:
    if program.own_log:
        log = f"{_escaped(folder)}/log/{program.name}.log\nstdout_logfile_maxbytes = {LOG_BYTES}"
    else:
        log = "/dev/fd/1\nstdout_logfile_maxbytes = 0"  # supervisord's own standard output
    return f"""
[program:{program.name}]
command = {shlex.join(program.command).replace("%", "%%")}
priority = {program.priority}
autorestart = true
startsecs = 1
startretries = 100000
stopsignal = {program.stop_signal}
stopwaitsecs = {STOP_SECONDS}
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_backups = 1
environment = PYTHONUNBUFFERED="1"
"""


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
