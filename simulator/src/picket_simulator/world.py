"""What stands on the inputs' terminals: rest, or what is played instead of it, and disturbances on top of either.

kind          rest                       walk                  tamper, short, open
analog_pir    2.5 V and some mV noise    a synthesised walk    -, 0 V, 5 V
digital_pir   0 V                        3.3 V                 -
loop          `normal`                   `alarm`               the state or zone of that name
"""

import math
import random
from bisect import bisect_right
from collections.abc import Mapping
from itertools import pairwise

from picket.config.schema import AnalogPir, DigitalPir, Loop
from picket.config.wiring import bands
from picket_simulator import synthesise
from picket_simulator.disturbances import KINDS, LOGIC_VOLTS, SUPPLY_VOLTS
from picket_simulator.synthesise import NOISE_VOLTS, REST_VOLTS, SAMPLES_PER_SECOND, Trace

SCENES = ("walk", "tamper", "short", "open")
DIGITAL_WALK_SECONDS = 3.0
LOOP_WALK_SECONDS = 2.0
DAMAGE_SECONDS = 5.0
NOISE_SAMPLES = 997  # of 10 ms each, then again from the start


class World:
    """The signals of all inputs; a function of the time and of what was played."""

    def __init__(self, inputs: Mapping[str, AnalogPir | DigitalPir | Loop], seed: int) -> None:
        """Put every input at rest; the same seed gives the same noise and the same walks."""
        self._inputs = inputs
        self._seed = seed
        self._loops = {name: _loop_volts(loop) for name, loop in inputs.items() if isinstance(loop, Loop)}
        self._noise = {name: _noise(f"{seed} {name}") for name in inputs}
        self._played: dict[str, tuple[float, Trace]] = {}
        self._added: dict[str, list[tuple[float, list[float]]]] = {}

    def volts(self, name: str, now: float) -> float:
        """Return the volts at an input's terminal."""
        begin, trace = self._played.get(name, (0.0, []))
        elapsed = now - begin
        volts = _interpolate(trace, elapsed) if trace and 0 <= elapsed <= trace[-1][0] else self._rest(name, now)
        added = self._disturbance(name, now)
        return min(max(volts + added, 0.0), SUPPLY_VOLTS) if added else volts

    def play(self, name: str, trace: Trace, now: float) -> None:
        """Play (seconds, volts) from now on, the first sample at once; raises ValueError."""
        self._input(name)
        if not trace:
            raise ValueError("expected samples, got none")
        for (before, _), (after, _) in pairwise(trace):
            if after <= before:
                raise ValueError(f"expected times that rise, got {after} s after {before} s")
        if not all(math.isfinite(number) for sample in trace for number in sample):
            raise ValueError("expected finite seconds and volts")
        self._played[name] = (now, [(seconds - trace[0][0], volts) for seconds, volts in trace])

    def disturb(self, name: str, kind: str, disturbance_seed: int, seconds: float, now: float) -> None:
        """Add a disturbance from now on to what is there, other disturbances too; raises ValueError."""
        self._input(name)
        if kind not in KINDS:
            raise ValueError(f"expected a disturbance of {', '.join(KINDS)}, got {kind}")
        added = KINDS[kind](disturbance_seed, seconds, SAMPLES_PER_SECOND)
        going = [layer for layer in self._added.get(name, []) if now < layer[0] + len(layer[1]) / SAMPLES_PER_SECOND]
        self._added[name] = [*going, (now, added)]

    def act(self, name: str, scene: str, now: float) -> None:
        """Let somebody walk past, or tamper with, short or cut the wire of an input; raises ValueError."""
        self.play(name, self._scene(name, scene), now)

    def _scene(self, name: str, scene: str) -> Trace:
        match self._input(name), scene:
            case AnalogPir(), "walk":
                return synthesise.walk(self._seed)
            case AnalogPir(), "short":
                return _held(0.0, DAMAGE_SECONDS)
            case AnalogPir(), "open":
                return _held(SUPPLY_VOLTS, DAMAGE_SECONDS)
            case DigitalPir(), "walk":
                return _held(LOGIC_VOLTS, DIGITAL_WALK_SECONDS)
            case Loop(), "walk":
                return _held(self._loops[name]["alarm"], LOOP_WALK_SECONDS)
            case Loop(), _ if scene in self._loops[name]:
                return _held(self._loops[name][scene], DAMAGE_SECONDS)
            case Loop(), _:
                raise ValueError(f"{scene}: {name} has no such zone, only {', '.join(self._loops[name])}")
            case other, _:
                raise ValueError(f"{scene}: {name} is an input of a kind without it ({type(other).__name__})")

    def _disturbance(self, name: str, now: float) -> float:
        layers = ((added, int((now - begin) * SAMPLES_PER_SECOND)) for begin, added in self._added.get(name, []))
        return sum(added[index] for added, index in layers if 0 <= index < len(added))

    def _rest(self, name: str, now: float) -> float:
        match self._inputs[name]:
            case AnalogPir():
                return REST_VOLTS + self._noise[name][int(now * SAMPLES_PER_SECOND) % NOISE_SAMPLES]
            case Loop():
                return self._loops[name]["normal"]
            case _:
                return 0.0

    def _input(self, name: str) -> AnalogPir | DigitalPir | Loop:
        if name not in self._inputs:
            raise ValueError(f"expected an input of {', '.join(self._inputs) or '(none)'}, got {name}")
        return self._inputs[name]


def _held(volts: float, seconds: float) -> Trace:
    return [(0.0, volts), (seconds, volts)]


def _loop_volts(loop: Loop) -> dict[str, float]:
    """Return the volts of a loop's zones and states; where states share a zone, a contact opens the loop."""
    states = sorted(bands(loop), key=lambda band: band.volts)
    return {band.zone: band.volts for band in states} | {band.state: band.volts for band in states}


def _noise(seed: str) -> list[float]:
    dice = random.Random(seed)
    return [dice.gauss(0, NOISE_VOLTS) for _ in range(NOISE_SAMPLES)]


def _interpolate(trace: Trace, elapsed: float) -> float:
    after = bisect_right(trace, elapsed, key=lambda sample: sample[0])
    if after == len(trace):
        return trace[-1][1]
    (t0, v0), (t1, v1) = trace[after - 1], trace[after]
    return v0 + (v1 - v0) * (elapsed - t0) / (t1 - t0)
