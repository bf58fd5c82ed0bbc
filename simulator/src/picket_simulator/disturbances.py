"""Make up what troubles a sensor that nobody walks past: volts to add to a background, replayable by their seed.

Each kind draws events first and then samples them, so that one seed is the same disturbance at every rate (but for
noise, which is drawn a sample). Magnitudes are those of installers' reports and of recordings of empty rooms: there a
noisy sensor has steps of 10 to 50 mV from sample to sample, wanders by 0.2 V, and has a handful of 0.5 V spikes in
minutes.
"""

import math
import random
from collections.abc import Callable, Iterator
from itertools import chain, repeat

from picket_simulator.synthesise import Trace

SUPPLY_VOLTS = 5.0
LOGIC_VOLTS = 3.3
LOOP_STEP_VOLTS = 1.4
MAINS_HERTZ = 50.0

# What an event adds at some seconds from its beginning.
Shape = Callable[[float], float]


def compose(background: Trace, *added: list[float]) -> Trace:
    """Add disturbances to a background, sample by sample and within the supply; what is longer than it is cut."""
    layers = [chain(layer, repeat(0.0)) for layer in added]
    return [(t, min(max(volts + sum(map(next, layers)), 0.0), SUPPLY_VOLTS)) for t, volts in background]


def rf_bursts(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Add trains of bursts of 1 to 50 ms and 0.3 to 2 V.

    A phone, a radio or the Pi's own WiFi is rectified by the sensor's amplifier of high gain: one source, one sign.
    A burst too short for the sampling still is one whole sample: an ADC may just have looked.
    """
    dice = random.Random(f"rf_bursts {seed}")
    added = _silence(seconds, samples_per_second)
    for begin in _times(dice, seconds, 3.0, 20.0):
        sign, at = dice.choice((-1, 1)), begin
        for _ in range(dice.randint(1, 12)):
            burst_seconds, volts = dice.uniform(0.001, 0.050), sign * dice.uniform(0.3, 2.0)
            _lay(added, samples_per_second, at, burst_seconds, lambda _t, volts=volts: volts)  # type: ignore[misc]
            at += burst_seconds + dice.uniform(0.005, 0.4)
    return added


def supply_dips(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Pull the signal 0.2 to 1.2 V down for 10 to 500 ms, with a recovery of 0.05 to 0.4 s.

    A relay or a siren takes the supply down, and the rest of the sensor is half its supply: down only, never up.
    """
    dice = random.Random(f"supply_dips {seed}")
    added = _silence(seconds, samples_per_second)
    for begin in _times(dice, seconds, 4.0, 25.0):
        depth, dip_seconds, recovery = dice.uniform(0.2, 1.2), dice.uniform(0.010, 0.500), dice.uniform(0.05, 0.4)

        def dip(t: float, depth: float = depth, held: float = dip_seconds, recovery: float = recovery) -> float:
            return -depth if t <= held else -depth * math.exp((held - t) / recovery)

        _lay(added, samples_per_second, begin, dip_seconds + 6 * recovery, dip)
    return added


def hvac_ramps(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Ramp 0.2 to 0.6 V away over 2 to 10 s, stay, and come back, with a ripple of 10 to 40 mV.

    Warm air of a vent or from a door that opens changes what the sensor sees by 2 or 3 degrees within seconds.
    """
    dice = random.Random(f"hvac_ramps {seed}")
    added = _silence(seconds, samples_per_second)
    for begin in _times(dice, seconds, 36.0, 90.0):
        volts = dice.choice((-1, 1)) * dice.uniform(0.2, 0.6)
        rise, stay, fall = dice.uniform(2, 10), dice.uniform(0, 10), dice.uniform(3, 15)
        ripple, hertz = dice.uniform(0.01, 0.04), dice.uniform(0.3, 2.0)
        whole = rise + stay + fall

        def ramp(
            t: float,
            volts: float = volts,
            rise: float = rise,
            fall: float = fall,
            whole: float = whole,
            ripple: float = ripple,
            hertz: float = hertz,
        ) -> float:
            share = min(t / rise, 1.0, (whole - t) / fall)
            return share * (volts + ripple * math.sin(2 * math.pi * hertz * t))

        _lay(added, samples_per_second, begin, whole, ramp)
    return added


def warm_up_pulses(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Swing by up to 2 V from the first moment on, dying away within 10 to 60 s: the sensor was just powered.

    The element and the amplifier's large capacitors have to settle; a detector's manual asks for a minute.
    """
    dice = random.Random(f"warm_up_pulses {seed}")
    added = _silence(seconds, samples_per_second)
    warm_up_seconds, peak = dice.uniform(10, 60), dice.uniform(1.0, 2.0)
    sign, begin = dice.choice((-1, 1)), 0.0
    while begin < warm_up_seconds:
        swing_seconds = dice.uniform(0.4, 3.0)
        volts = sign * peak * dice.uniform(0.6, 1.0) * math.exp(-3 * begin / warm_up_seconds)

        def swing(t: float, volts: float = volts, whole: float = swing_seconds) -> float:
            return volts * math.sin(math.pi * t / whole)

        _lay(added, samples_per_second, begin, swing_seconds, swing)
        begin += swing_seconds + dice.uniform(0.0, 3.0)
        sign = -sign
    return added


def chattering_contact(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Toggle for 0.1 to 3 s, each time for 2 to 80 ms: by 3.3 V, or by the 1.4 V between two bands of a loop.

    A worn relay or a loose terminal, shaken by a door or by wind. For digital PIRs and loops.
    """
    dice = random.Random(f"chattering_contact {seed}")
    added = _silence(seconds, samples_per_second)
    for begin in _times(dice, seconds, 4.0, 30.0):
        volts, at = dice.choice((LOGIC_VOLTS, LOOP_STEP_VOLTS)), begin
        end = begin + dice.uniform(0.1, 3.0)
        while at < end:
            closed = min(dice.uniform(0.002, 0.080), end - at)
            _lay(added, samples_per_second, at, closed, lambda _t, volts=volts: volts)  # type: ignore[misc]
            at += closed + dice.uniform(0.002, 0.080)
    return added


def cable_noise(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Add 20 to 80 mV of mains hum, folded by the sampling as it would be, and 10 to 25 mV rms of wideband noise.

    A long unshielded cable beside one of the mains; the recording of an empty room has as much wideband noise.
    """
    dice = random.Random(f"cable_noise {seed}")
    hum, noise = dice.uniform(0.02, 0.08), dice.uniform(0.010, 0.025)
    hertz, phase = dice.uniform(MAINS_HERTZ - 0.1, MAINS_HERTZ + 0.1), dice.uniform(0, 2 * math.pi)
    return [
        hum * math.sin(2 * math.pi * hertz * index / samples_per_second + phase) + dice.gauss(0, noise)
        for index in range(round(seconds * samples_per_second))
    ]


def slow_drift(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Drift by up to 0.5 V to either side, over minutes: the sun moves, a room warms up."""
    dice = random.Random(f"slow_drift {seed}")
    waves = [
        (dice.uniform(0.08, 0.125), dice.uniform(120, 240), dice.uniform(0, 2 * math.pi)),
        (dice.uniform(0.08, 0.125), dice.uniform(240, 600), dice.uniform(0, 2 * math.pi)),
    ]

    def drift(t: float) -> float:
        return sum(v * (math.sin(2 * math.pi * t / period + phase) - math.sin(phase)) for v, period, phase in waves)

    return [drift(index / samples_per_second) for index in range(round(seconds * samples_per_second))]


def pet_swings(seed: int, seconds: float, samples_per_second: float) -> list[float]:
    """Swing by 0.1 to 0.35 V at 0.5 to 3 Hz for 1 to 4 s, to both sides as a person does, but smaller.

    A cat is a tenth of a person's area; at some metres its swings are as much smaller than a walk's 1.2 to 2.6 V.
    """
    dice = random.Random(f"pet_swings {seed}")
    added = _silence(seconds, samples_per_second)
    for begin in _times(dice, seconds, 6.0, 40.0):
        volts, hertz = dice.choice((-1, 1)) * dice.uniform(0.1, 0.35), dice.uniform(0.5, 3.0)
        whole = dice.uniform(1.0, 4.0)

        def swing(t: float, volts: float = volts, hertz: float = hertz, whole: float = whole) -> float:
            return volts * math.sin(math.pi * t / whole) * math.sin(2 * math.pi * hertz * t)

        _lay(added, samples_per_second, begin, whole, swing)
    return added


KINDS: dict[str, Callable[[int, float, float], list[float]]] = {
    kind.__name__: kind
    for kind in (
        rf_bursts,
        supply_dips,
        hvac_ramps,
        warm_up_pulses,
        chattering_contact,
        cable_noise,
        slow_drift,
        pet_swings,
    )
}


def _silence(seconds: float, samples_per_second: float) -> list[float]:
    return [0.0] * round(seconds * samples_per_second)


def _times(dice: random.Random, seconds: float, least: float, most: float) -> Iterator[float]:
    """Give the times of events, `least` to `most` seconds apart; the first comes early enough to be seen."""
    at = dice.random() * min(most, seconds / 2)
    while at < seconds:
        yield at
        at += dice.uniform(least, most)


def _lay(added: list[float], samples_per_second: float, begin: float, seconds: float, shape: Shape) -> None:
    """Put an event onto the samples it covers, and onto at least one; events of a kind never overlap."""
    first = math.ceil(begin * samples_per_second)
    last = max(first, math.floor((begin + seconds) * samples_per_second))
    for index in range(first, min(last + 1, len(added))):
        added[index] = shape(index / samples_per_second - begin)
