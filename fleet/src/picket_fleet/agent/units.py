"""The agent as services of systemd: one that runs it, and one that sweeps before the engine starts."""

import shutil
import subprocess
import sys
from pathlib import Path

UNITS = Path("/etc/systemd/system")
AGENT = "picket-fleet.service"
SWEEP = "picket-fleet-sweep.service"


def units(program: str, folder: Path) -> dict[str, str]:
    """Return the files of the services by their names."""
    agent = f"""\
[Unit]
Description=Agent of the device's fleet
After=network.target docker.service
Wants=docker.service

[Service]
ExecStart={program} device run --folder {folder}
Environment=PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=1
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
"""
    sweep = f"""\
[Unit]
Description=Remove what a power cut left of an update
Before=docker.service
RequiresMountsFor=/var/lib/docker

[Service]
Type=oneshot
ExecStart=-{program} device sweep

[Install]
WantedBy=docker.service
"""
    return {AGENT: agent, SWEEP: sweep}


def install(folder: Path) -> bool:
    """Install and start the services; returns False where there is no systemd."""
    if not Path("/run/systemd/system").is_dir():
        return False
    program = str(Path(shutil.which("fleet") or sys.argv[0]).resolve())
    for name, text in units(program, folder.resolve()).items():
        (UNITS / name).write_text(text)
    for command in (["daemon-reload"], ["enable", SWEEP], ["enable", "--now", AGENT]):
        subprocess.run(["systemctl", *command], check=True)
    return True
