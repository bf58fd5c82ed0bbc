"""The guard without its process: the real switchgear, ledger and drivers on simulated chips, in virtual time."""

import errno
import itertools
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from picket.config import Config
from picket.config.schema import Interlock, IoBoard, Output
from picket.health import HealthBeat
from picket.messages import Fault, Message, OnOff, OutputCommand
from picket_relay.expanders import expanders
from picket_relay.guard import Answer, Running, Tally
from picket_relay.ledger import Ledger
from picket_relay.switchgear import Switchgear
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips.mcp23017 import Mcp23017

ADDRESSES = (0x20, 0x21)
TEND_SECONDS = 1.0
TTL_SECONDS = 10.0


class Killed(BaseException):
    """The process is gone in the middle of a line."""


class Fate:
    """When the process dies: after so many more steps (a transfer, the begin or end of a write); None for never."""

    def __init__(self) -> None:
        self.steps_left: int | None = None

    def step(self) -> None:
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                self.steps_left = None
                raise Killed


class MortalBus(Bus):
    """A bus whose user may die before a transfer."""

    fate: Fate

    def transfer(self, messages: Any) -> bytes:
        self.fate.step()
        return super().transfer(messages)


class MortalLedger(Ledger):
    """A ledger on a disk that may be full, and whose writer may die before and after it has written."""

    fate: Fate
    disk_full = False

    def write(self, running: dict[str, Running], answers: Any, unwritten: int, tallies: dict[str, Tally]) -> None:
        self.fate.step()
        if self.disk_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(running, answers, unwritten, tallies)
        self.fate.step()


class Told:
    """Takes what would go onto the bus."""

    pending = dropped = 0

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def publish(self, _topic: str, message: Message) -> None:
        if isinstance(message, Fault):
            self.faults.append(message)


class Gear:
    """One device: its chips and its disk outlive the process, which can be killed and started again."""

    def __init__(self, folder: Path, outputs: Mapping[str, Output], dead_time_seconds: float = 0.5) -> None:
        groups = {output.interlock for output in outputs.values() if output.interlock}
        self.config = Config(
            device="test",
            data_dir=str(folder),
            io_boards={"main": IoBoard(addresses=list(ADDRESSES))},
            outputs=dict(outputs),
            interlocks={group: Interlock(dead_time_seconds) for group in groups},
        )
        self.clock = VirtualClock(1000.0)
        self.chips = {address: Mcp23017() for address in ADDRESSES}
        self.bus = MortalBus(self.chips, self.clock)
        self.bus.fate = self.fate = Fate()
        self.told = Told()
        self.disk_full = False
        self.boot = "boot-1"
        self._numbers = itertools.count(1)
        self.start()

    def start(self) -> None:
        """Start the process."""
        told: Any = self.told
        health = HealthBeat("relay", told, self.clock.now)
        expander_of = expanders(self.config, health, lambda _address, _patience: self.bus)
        self.ledger = MortalLedger(self.config.data_dir, self.boot)
        self.ledger.fate, self.ledger.disk_full = self.fate, self.disk_full
        self.switchgear = Switchgear(self.config, expander_of, self.ledger, health, self.clock.now)
        self.switchgear.start()
        self._tend_at = self.clock.now() + TEND_SECONDS
        self._due = self.switchgear.due()

    def kill(self) -> None:
        """End the process without a word; the kernel closes its files."""
        self.ledger.close()

    def fill_disk(self, full: bool = True) -> None:
        """Let the disk be full, or not."""
        self.disk_full = self.ledger.disk_full = full

    def command(
        self,
        output: str,
        state: OnOff = "ON",
        seconds: float | None = None,
        number: str = "",
        age_seconds: float | None = 0.0,
    ) -> Answer:
        """Command an output."""
        wish = OutputCommand(
            time_ns=0,
            id=number or f"c{next(self._numbers)}",
            output=output,
            state=state,
            seconds=seconds,
            issued_at=datetime.now(UTC),
            ttl_seconds=TTL_SECONDS,
            origin="test",
        )
        answer = self.switchgear.command(wish, age_seconds)
        self._due = self.switchgear.due()
        return answer

    def run(self, seconds: float) -> None:
        """Let time pass, as the service's loop does."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            due = min(end, self._tend_at, self._due or end)
            self.clock.sleep(due - self.clock.now())
            if self._due is not None and self._due <= self.clock.now():
                self.switchgear.end_due()
                self.switchgear.retry()
            if self._tend_at <= self.clock.now():
                self._tend_at = self.clock.now() + TEND_SECONDS
                self.switchgear.tend()
            self._due = self.switchgear.due()

    def on(self) -> set[str]:
        """Name the outputs that are on, by their chips."""
        return on_by_registers(self.config.outputs, [chip.registers for chip in self.chips.values()])


def on_by_registers(outputs: Mapping[str, Output], registers: Sequence[Sequence[int]]) -> set[str]:
    """Name the outputs that chips with these registers drive on."""
    found = set()
    for name, output in outputs.items():
        chip, pin = divmod(output.pin - 1, 16)
        port, bit = divmod(pin, 8)
        drives, high = not registers[chip][port] >> bit & 1, bool(registers[chip][0x14 + port] >> bit & 1)
        if drives and high != output.active_low:
            found.add(name)
    return found
