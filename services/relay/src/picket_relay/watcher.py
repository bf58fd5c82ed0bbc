"""The watcher: a second, tiny process that brings the outputs to their failsafe state when the guard can't.

    the guard dies                       the kernel says so at once
    the guard says nothing for 0.6 s     it is killed, else it might wake up and write too
    then                                 take the chips' lock, write the failsafe words, tell `relay-watcher.jsonl`

It writes only with the lock that the guard holds while it lives: there are never two writers. A chip that does not
answer is tried until it does, or until a new guard takes over; the lock is free between the tries. Of the standard
library it imports little and of Picket almost nothing: it must fit where memory has run out.
"""

import json
import os
import select
import signal
import sys
import time

from picket_relay.failsafe_plan import GUARD, WATCHER, Beats, Chip, FailsafePlan, plan_file, process, read_plan
from picket_relay.mcp23017 import Mcp23017
from picket_relay.ownership import ChipLock
from picket_relay.plain_i2c import PlainI2c

LOOK_SECONDS = 0.05
SILENT_SECONDS = 0.6
LONGEST_LOOK_SECONDS = 0.2  # what exceeds it stopped the watcher too: it says nothing of the guard
RECORD_BYTES = 64_000


class Watcher:
    """Watches one guard after the other."""

    def __init__(self, data_dir: str) -> None:
        """Stand beside the guard that has this data folder."""
        self._data_dir = data_dir
        self._lock = ChipLock(data_dir)
        self._dealt_with: FailsafePlan | None = None
        self._said = ""

    def wait_for(self, turn: ChipLock) -> None:
        """Wait until no other watcher is at work."""
        while True:
            try:
                if turn.acquire():
                    return
                self._say(f"waits, there is another: {turn.holder()}")
            except OSError as error:
                self._say(f"waits for its folder: {error}")
            time.sleep(LOOK_SECONDS)

    def watch_next(self) -> None:
        """Wait a moment for a plan; watch its guard until it ends, and see to its outputs."""
        plan = self._plan()
        if plan is None or plan == self._dealt_with:
            time.sleep(LOOK_SECONDS)
            return
        self._say(f"watches process {plan.guard.number}, {len(plan.chips)} chips")
        why = self._watch(plan)
        self._force(plan, why)
        self._dealt_with = plan

    def _plan(self) -> FailsafePlan | None:
        try:
            return read_plan(self._data_dir)
        except FileNotFoundError:
            self._say("waits for a guard: there is no plan")
        except (OSError, ValueError) as error:
            self._say(f"waits for a guard: the plan can't be read: {error}")
        return None

    def _holds(self, plan: FailsafePlan) -> bool:
        """Tell whether the plan stands: no guard closed it or has another; rubbish in its place does not end it."""
        try:
            return read_plan(self._data_dir) == plan
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return True

    def _watch(self, plan: FailsafePlan) -> str:
        """Return why the guard does not guard any more; it is dead then."""
        try:
            guard = os.pidfd_open(plan.guard.number)
        except OSError:
            return "it was dead"
        try:
            # The descriptor stands for one process: what is true of its number now stays true.
            if process(plan.guard.number) != plan.guard:
                return "it was dead"
            return self._stand_by(plan, guard)
        except (ProcessLookupError, FileNotFoundError):
            return "it died"
        finally:
            os.close(guard)

    def _stand_by(self, plan: FailsafePlan, guard: int) -> str:
        poll = select.poll()
        poll.register(guard, select.POLLIN)
        beats = self._beats(plan)
        last, silent, looked = 0, 0.0, time.monotonic()
        while not poll.poll(LOOK_SECONDS * 1000):
            now = time.monotonic()
            passed, looked = now - looked, now
            if beats is None:
                continue
            beats.beat(WATCHER, time.monotonic_ns())
            beat = beats.last(GUARD)
            if beat != last or beat > now * 1e9:
                last, silent = beat, 0.0
                continue
            silent += min(passed, LONGEST_LOOK_SECONDS)
            if silent >= SILENT_SECONDS and self._holds(plan):
                signal.pidfd_send_signal(guard, signal.SIGKILL)
                poll.poll()
                return f"it had said nothing for {silent:.1f} s, and was killed"
        return "it died"

    def _beats(self, plan: FailsafePlan) -> Beats | None:
        try:
            return Beats.of(plan)
        except (OSError, ValueError) as error:
            self._say(f"sees whether process {plan.guard.number} lives, not whether it hangs: {error}")
            return None

    def _force(self, plan: FailsafePlan, why: str) -> None:
        """Write every chip's failsafe word, unless a new guard comes first."""
        began = time.monotonic()
        found: dict[str, str] = {}
        pending = list(plan.chips)
        while pending and self._holds(plan):
            if self._lock.acquire():
                with self._lock:
                    pending = [chip for chip in pending if not self._make_safe(chip, found)]
                    if not pending:
                        self._record(plan, why, found, began)
            if pending:
                time.sleep(LOOK_SECONDS)
        if pending and os.access(plan_file(self._data_dir), os.F_OK):  # else it left its outputs in order
            self._record(plan, f"{why}; a new guard took over", found, began)

    def _make_safe(self, chip: Chip, found: dict[str, str]) -> bool:
        bus = PlainI2c(chip.bus)
        name = f"0x{chip.address:02x}"
        try:
            before = Mcp23017(bus, chip.address, chip.outputs).set_up(chip.failsafe)
        except OSError as error:
            found[name] = f"does not answer: {error.strerror or error}"
            self._say(f"{name} {found[name]}; goes on trying")
            return False
        finally:
            bus.close()
        found[name] = f"drove {~before.directions & before.latch & 0xFFFF:04x}, drives {chip.failsafe:04x} now"
        return True

    def _record(self, plan: FailsafePlan, why: str, found: dict[str, str], began: float) -> None:
        took_ms = round((time.monotonic() - began) * 1e3, 1)
        entry = {
            "time_ns": time.time_ns(),
            "guard": plan.guard.number,
            "why": why,
            "chips": found,
            "took_ms": took_ms,
        }
        self._say(f"process {plan.guard.number}: {why}; {found or 'no chip'}; {took_ms} ms")
        try:
            fd = os.open(record_file(self._data_dir), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                if os.fstat(fd).st_size > RECORD_BYTES:
                    os.ftruncate(fd, 0)
                os.write(fd, json.dumps(entry).encode() + b"\n")
            finally:
                os.close(fd)
        except OSError as error:
            self._say(f"can't write {record_file(self._data_dir)}: {error}")

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            print(f"{now} relay-watcher INFO watcher: {text}", flush=True)  # noqa: T201


def record_file(data_dir: object) -> str:
    """Name the file that tells of what the watcher did: a JSON object a line."""
    return f"{data_dir}/relay-watcher.jsonl"


def main() -> None:
    """Watch, one watcher at a time, until a signal ends it."""
    watcher = Watcher(sys.argv[1])
    turn = ChipLock(sys.argv[1], "relay-watcher.lock")
    watcher.wait_for(turn)
    while True:
        watcher.watch_next()


if __name__ == "__main__":
    main()
