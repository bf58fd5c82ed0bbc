"""The guard's side of being watched: it says what is to be done without it, beats, and hears what the watcher did."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from picket.config import Config
from picket.i2c import BUS_APPEARS_SECONDS
from picket.service import Runtime
from picket_relay.failsafe_plan import GUARD, WATCHER, Beats, Chip, plan_file, write_plan
from picket_relay.watcher import record_file

BEAT_SECONDS = 0.1
START_SECONDS = 5.0  # before the loop turns; and each chip may wait for its bus
LOOK_SECONDS = 1.0
WATCHER_SILENT_SECONDS = 3.0
WATCHER_COMES_SECONDS = 15.0


class Watched:
    """Lets the watcher see that the guard lives; made when the chips' lock is held, before a chip is written."""

    def __init__(self, runtime: Runtime, chips: Sequence[Chip]) -> None:
        """Write the plan, and beat on the loop from now on."""
        self._data_dir = runtime.config.data_dir
        self._health = runtime.health
        self._beats = Beats.make()
        start_seconds = START_SECONDS + BUS_APPEARS_SECONDS * len(chips)
        self._beats.beat(GUARD, time.monotonic_ns() + int(start_seconds * 1e9))
        self._watcher_due = time.monotonic() + WATCHER_COMES_SECONDS
        self._chips = chips
        self._planned = False
        self._plan()
        self._hear()
        runtime.loop.at(0, self.beat)
        runtime.loop.every(BEAT_SECONDS, self.beat)
        runtime.loop.every(LOOK_SECONDS, self._look)

    def beat(self) -> None:
        """Say that the guard's loop turns."""
        self._beats.beat(GUARD, time.monotonic_ns())

    def close(self) -> None:
        """Release the watcher from its plan: every output is in its failsafe state."""
        with suppress(OSError):  # a plan that stays makes the watcher write the same once more
            Path(plan_file(self._data_dir)).unlink()

    def _plan(self) -> None:
        try:
            write_plan(self._data_dir, self._beats, self._chips)
        except OSError as error:
            self._health.begin("failsafe plan", f"can't be written, the watcher knows nothing: {error.strerror}")
            return
        self._planned = True
        self._health.end("failsafe plan", "written")

    def _look(self) -> None:
        if not self._planned:
            self._plan()
        self._hear()
        silent = time.monotonic() - self._beats.last(WATCHER) / 1e9
        if silent < WATCHER_SILENT_SECONDS:
            self._health.end("watcher")
        elif time.monotonic() > self._watcher_due:
            self._health.begin("watcher", "looks no more: nobody would see to the outputs if the guard died")

    def _hear(self) -> None:
        """Tell the bus, once, what the watcher did for the guard before this one."""
        told = Path(record_file(self._data_dir))
        try:
            lines = told.replace(f"{told}.told").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            self._health.begin("watcher's record", f"{told}: {error.strerror}")
            return
        self._health.end("watcher's record")
        for line in lines:
            with suppress(ValueError, LookupError, TypeError):
                entry = json.loads(line)
                text = f"process {entry['guard']}: {entry['why']}; the watcher saw to its outputs: {entry['chips']}"
                self._health.begin("guard", text)
                self._health.end("guard", "a new guard is at work")


def failsafe_chips(config: Config) -> list[Chip]:
    """Return what each chip with outputs drives in the failsafe state."""
    words: dict[tuple[str, int], tuple[int, int]] = {}
    for output in config.outputs.values():
        board = config.io_boards[output.board]
        chip, bit = divmod(output.pin - 1, 16)
        place = (board.bus, board.addresses[chip])
        high = (output.failsafe == "ON") != output.active_low
        outputs, failsafe = words.get(place, (0, 0))
        words[place] = (outputs | 1 << bit, failsafe | high << bit)
    return [Chip(bus, address, *masks) for (bus, address), masks in words.items()]
