"""Render the configuration of the rsyslogd that forwards logs: from the services' socket to RSYSLOG_SERVER, by TCP.

    services --datagrams--> log.sock --> rsyslogd --TCP--> server
                                            |
                            <folder>/rsyslog/forward.*    what waits for the server

Every line goes through the disk, so that what waits for the server outlives rsyslogd and the device, and comes in
order. The disk's part is bounded: past that rsyslogd takes no more, and the services, which never wait, count what they
have to drop. TCP alone is no proof of arrival: the lines on their way as the server dies may come
twice or not at all, and so may the one in hand as rsyslogd does.
"""

import os
import shutil
from pathlib import Path

from picket import log
from picket.config import Config
from picket.config.address import RSYSLOG_PORT, Address, parse_address
from picket.unix_socket import socket_path
from picket_base.programs import LOGS, Program, StartError

DISK_MEGABYTES = 32


def forwarder(config: Config, folder: Path) -> list[Program]:
    """Return rsyslogd as a program when RSYSLOG_SERVER is set; writes its configuration into `folder`.

    All it writes lies in `folder`, so it needs neither root nor another writable place. Raises StartError when there is
    no rsyslogd.
    """
    if not config.rsyslog_server:
        return []
    rsyslogd = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not rsyslogd:
        raise StartError("RSYSLOG_SERVER is set, and there is no rsyslogd: install rsyslog, or unset RSYSLOG_SERVER")
    work = folder / "rsyslog"
    work.mkdir(parents=True, exist_ok=True)
    file = folder / "rsyslog.conf"
    file.write_text(
        render(
            parse_address(config.rsyslog_server, RSYSLOG_PORT),
            config.device,
            socket_path(Path(config.data_dir), log.SOCKET),
            work,
        )
    )
    # No file with a process id: after a power cut the number may be another process's, and rsyslogd would not start.
    # Killed, it leaves its queue as it is on disk; asked to stop while the server is away, it loses the line in hand.
    return [Program("rsyslogd", (rsyslogd, "-n", "-f", str(file), "-i", "NONE"), LOGS, stop_signal="KILL")]


def render(server: Address, device: str, socket: Path, work: Path) -> str:
    """Return the configuration; the queue's files lie in `work`."""
    return f"""\
# Written by Picket: change its configuration, not this.
global(
    workDirectory={_quoted(work)} localHostname={_quoted(device)} maxMessageSize="64k"
    processInternalMessages="on" internalmsg.ratelimit.interval="60" internalmsg.ratelimit.burst="30"
    errorMessagesToStderr.maxNumber="1"
)

# The services send RFC 5424, with their own names and times. From the socket a line goes straight to the disk.
module(load="imuxsock" sysSock.use="off")
input(
    type="imuxsock" socket={_quoted(socket)} ruleset="forward"
    useSpecialParser="off" parseHostname="on" ignoreTimestamp="off" useSysTimeStamp="off"
)
ruleset(
    name="forward" queue.type="Disk" queue.filename="forward" queue.size="500000"
    queue.maxFileSize="1m" queue.maxDiskSpace="{DISK_MEGABYTES}m"
    queue.checkpointInterval="1" queue.dequeueBatchSize="1" queue.saveOnShutdown="on" queue.timeoutEnqueue="2147483647"
) {{
    action(
        name="server" type="omfwd" target={_quoted(server.host)} port="{server.port}" protocol="tcp"
        template="RSYSLOG_SyslogProtocol23Format"
        keepAlive="on" keepAlive.time="60" keepAlive.interval="10" keepAlive.probes="3"
        action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="30"
    )
}}

# What rsyslogd has to say of itself; that the server is away once, not at every try.
if $msg contains "cannot connect" or ($msg contains "suspended" and $/away == "yes") then stop
if $msg contains "suspended" then set $/away = "yes";
if $msg contains "resumed" then set $/away = "no";
action(type="omfile" file="/dev/stdout" template="RSYSLOG_FileFormat")
"""


def _quoted(text: object) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
