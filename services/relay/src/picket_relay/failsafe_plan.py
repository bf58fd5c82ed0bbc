"""What the watcher must know to bring the outputs to their failsafe state alone: `<data_dir>/relay-failsafe.json`.

The guard writes it before it touches a chip, and removes it when it has stopped in the failsafe state; a plan without
its guard is work for the watcher. The two see each other through one page of memory that the guard makes (a memfd,
which the watcher opens through the guard's /proc): a file on an SD card can keep whoever writes it waiting for seconds.

    page   0: u64 when the guard turned last   8: u64 when the watcher looked last   monotonic ns; the future is a leave

The watcher imports this: it stays small (no msgspec, no pathlib).
"""

import errno
import json
import mmap
import os
from collections.abc import Iterable
from typing import NamedTuple

from picket_relay.ownership import read

GUARD, WATCHER = 0, 1  # whose beat
PAGE_BYTES = 16
LARGEST_PID = 2**22


class Process(NamedTuple):
    """A process, and no other that gets its number later; `started` is in clock ticks since the boot."""

    boot: str
    number: int
    started: int


class Chip(NamedTuple):
    """A chip, which of its pins are outputs (a mask, bit 0 is GPA0), and what they drive in the failsafe state."""

    bus: str
    address: int
    outputs: int
    failsafe: int


class FailsafePlan(NamedTuple):
    """Who guards which chips, and where its beat is."""

    guard: Process
    beats: str
    chips: tuple[Chip, ...]


class Beats:
    """The page that guard and watcher both write, each its own word."""

    def __init__(self, fd: int) -> None:
        """Map a file descriptor, which stays open; raises OSError or ValueError."""
        self.fd = fd
        self._words = memoryview(mmap.mmap(fd, PAGE_BYTES)).cast("Q")  # one aligned word is written at once

    @classmethod
    def make(cls) -> "Beats":
        """Make the page of this process, with no beat in it."""
        fd = os.memfd_create("picket-relay-beats")
        os.ftruncate(fd, PAGE_BYTES)
        return cls(fd)

    @classmethod
    def of(cls, plan: FailsafePlan) -> "Beats":
        """Open another process's page; raises OSError or ValueError."""
        fd = os.open(plan.beats, os.O_RDWR | os.O_CLOEXEC)
        try:
            return cls(fd)
        finally:
            os.close(fd)

    @property
    def where(self) -> str:
        """Name the page for other processes."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def beat(self, whose: int, now_ns: int) -> None:
        """Say that one lives."""
        self._words[whose] = now_ns

    def last(self, whose: int) -> int:
        """Return when one lived last, 0 for never."""
        return self._words[whose]


def plan_file(data_dir: object) -> str:
    """Name the plan's file."""
    return f"{data_dir}/relay-failsafe.json"


def process(number: int) -> Process:
    """Identify a living process; raises OSError when there is none."""
    after_name = read(f"/proc/{number}/stat").rpartition(b")")[2].split()
    return Process(read("/proc/sys/kernel/random/boot_id").decode().strip(), number, int(after_name[19]))


def write_plan(data_dir: object, beats: Beats, chips: Iterable[Chip]) -> None:
    """Write this process's plan at once or not at all; raises OSError."""
    plan = FailsafePlan(process(os.getpid()), beats.where, tuple(chips))
    body = json.dumps({**plan._asdict(), "guard": plan.guard._asdict(), "chips": [chip._asdict() for chip in chips]})
    file = plan_file(data_dir)
    fd = os.open(f"{file}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        if os.write(fd, body.encode()) < len(body):  # a disk that is nearly full takes a part
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(f"{file}.new", file)  # noqa: PTH105


def read_plan(data_dir: object) -> FailsafePlan:
    """Read the plan; raises OSError when there is none, ValueError when it is none."""
    try:
        raw = json.loads(read(plan_file(data_dir)))
        guard = raw["guard"]
        chips = (Chip(chip["bus"], chip["address"], chip["outputs"], chip["failsafe"]) for chip in raw["chips"])
        plan = FailsafePlan(Process(guard["boot"], guard["number"], guard["started"]), raw["beats"], tuple(chips))
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    bounded = [(plan.guard.number, 2, LARGEST_PID), (plan.guard.started, 0, 2**63)]
    for chip in plan.chips:
        bounded += [(chip.address, 0x03, 0x77), (chip.outputs, 0, 0xFFFF), (chip.failsafe, 0, 0xFFFF)]
    for number, least, most in bounded:
        if type(number) is not int or not least <= number <= most:
            raise ValueError(f"expected a whole number from {least} to {most}, got {number!r}")
    if not all(type(text) is str for text in (plan.beats, plan.guard.boot, *(chip.bus for chip in plan.chips))):
        raise ValueError("expected texts")
    return plan
