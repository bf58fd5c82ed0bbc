"""A pty with a serial sensor behind it, and a link that names it as udev names a real one."""

import logging
import os
import random
import select
import termios
import threading
import time
import tty
from pathlib import Path
from typing import Protocol

LOG = logging.getLogger(__name__)
FAULTS = ("silent", "garbage", "unplug", "clear")
FOREVER = float("inf")
TICK_SECONDS = 0.05


class SerialSensor(Protocol):
    """What a serial sensor does, of which time is an argument."""

    def power_cycle(self, now: float) -> None:
        """Lose power, and get it again."""
        ...

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes from the host and return those of the answers."""
        ...

    def tick(self, now: float) -> bytes:
        """Return what it sends by itself."""
        ...


class SerialPort:
    """Carries bytes between the sensor and whoever opens the link; readers may come and go."""

    def __init__(self, sensor: SerialSensor, link: Path) -> None:
        """Open nothing yet: the port is a context manager."""
        self.sensor = sensor
        self.link = link
        self._fault = ("clear", FOREVER)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"serial {link.name}", daemon=True)
        self._ends: tuple[int, int] | None = None

    def __enter__(self) -> "SerialPort":
        """Plug the sensor in."""
        self._plug_in()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Unplug it."""
        self._stopping.set()
        self._thread.join()
        self._unplug()

    def fault(self, kind: str, seconds: float = FOREVER) -> None:
        """Be silent, send garbage, be unplugged, or clear that; within a tick. Raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"expected a fault of {', '.join(FAULTS)}, got {kind}")
        self._fault = (kind, time.monotonic() + seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._fault_now() == "unplug":
                self._unplug()
                self._stopping.wait(TICK_SECONDS)
            else:
                self._serve(*self._plug_in())

    def _fault_now(self) -> str:
        kind, until = self._fault
        return kind if time.monotonic() < until else "clear"

    def _serve(self, master: int, slave: int) -> None:
        """Let the sensor hear and speak for one tick at most."""
        heard, _, _ = select.select([master], [], [], TICK_SECONDS)
        received = os.read(master, 1024) if heard else b""
        now = time.monotonic()
        sent = self.sensor.receive(received, now) + self.sensor.tick(now)
        fault = self._fault_now()
        if fault == "silent":
            sent = b""
        elif fault == "garbage":
            sent = random.randbytes(len(sent))
        try:
            os.write(master, sent)
        except BlockingIOError:
            # Nobody reads. A kernel keeps no bytes for a port that is closed, so neither does this one.
            termios.tcflush(slave, termios.TCIFLUSH)

    def _plug_in(self) -> tuple[int, int]:
        if self._ends:
            return self._ends
        # The slave is kept open here too: otherwise the last reader's close would end the pty.
        self._ends = master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        self.sensor.power_cycle(time.monotonic())
        LOG.info("%s is plugged in", self.link)
        return self._ends

    def _unplug(self) -> None:
        if not self._ends:
            return
        self.link.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = None
        LOG.info("%s is unplugged", self.link)
