"""Since when a sensor has had power: kept over a restart of the process, but over no loss of power.

A sensor has its power from the machine, as a rule through its adapter. So what is remembered holds while the machine
has not been booted (its boot id) and the adapter not been plugged anew (the inode of its device node, which is made
at plugging in); and until the sensor is silent, as it may have been without power then.
"""

import os
from pathlib import Path

from picket_collectors.serial_port import SerialPort
from picket_collectors.store import Store

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def plug(port: SerialPort, boot_id: Path = BOOT_ID) -> str:
    """Name this plugging in of the port: another after a boot, and after it was unplugged."""
    return f"{boot_id.read_text(encoding='ascii').strip()} {os.fstat(port.fileno()).st_ino}"


class PowerUp:
    """Remembers when the sensor on a plug was first heard; time, which counts from boot, is an argument."""

    def __init__(self, store: Store, plug: str) -> None:
        """Go on with what was remembered of this plug; another was something else."""
        self._store = store
        self._plug = plug
        memory = store.load()
        self._since: float | None = memory["since_seconds"] if memory.get("plug") == plug else None

    def heard(self, now: float) -> float:
        """Note that the sensor answers, and return for how many seconds at least it has had power."""
        if self._since is None:
            self._since = now
            self._store.save({"plug": self._plug, "since_seconds": now})
        return now - self._since

    def silent(self) -> None:
        """Note that it does not answer: it may be without power."""
        if self._since is not None:
            self._since = None
            self._store.save({})
