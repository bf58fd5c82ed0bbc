"""Make up what an analog PIR says while somebody walks past.

A pyroelectric detector has two halves of opposite sign behind a lens of many facets. Whoever crosses the beams
heats one half, then the other: a swing to and fro around half the supply, that grows as the person comes near
and dies away as they leave.
"""

import math
import random

Trace = list[tuple[float, float]]

REST_VOLTS = 2.5
NOISE_VOLTS = 0.004
SAMPLES_PER_SECOND = 100
QUIET_SECONDS = 1.0


def walk(seed: int) -> Trace:
    """Return (seconds, volts) at 100 Hz: 1 s of rest, 2 to 5 s that peak 1.2 to 2.2 V off it, 1 s of rest."""
    dice = random.Random(seed)
    walk_seconds = dice.uniform(2.0, 5.0)
    peak_volts = dice.uniform(1.2, 2.2)
    first_hertz, last_hertz = dice.uniform(0.6, 1.0), dice.uniform(1.0, 1.8)
    sign = dice.choice((-1, 1))
    nearest = dice.uniform(0.35, 0.65)  # when the person is nearest, as a share of the walk

    def swing(share: float) -> float:
        """Give the signal at a share of the walk, -1 to 1: the beams get denser, the envelope rises and falls."""
        envelope = math.sin(math.pi / 2 * (share / nearest if share < nearest else (1 - share) / (1 - nearest)))
        cycles = walk_seconds * (first_hertz * share + (last_hertz - first_hertz) * share**2 / 2)
        return sign * envelope * math.sin(2 * math.pi * cycles)

    count = round((walk_seconds + 2 * QUIET_SECONDS) * SAMPLES_PER_SECOND)
    times = [index / SAMPLES_PER_SECOND for index in range(count)]
    swings = [swing((t - QUIET_SECONDS) / walk_seconds) if 0 <= t - QUIET_SECONDS <= walk_seconds else 0 for t in times]
    scale = peak_volts / max(map(abs, swings))
    return [
        (t, round(REST_VOLTS + scale * s + dice.gauss(0, NOISE_VOLTS), 4)) for t, s in zip(times, swings, strict=True)
    ]
