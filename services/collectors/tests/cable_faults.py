"""What cables and sensors do to a serial port's tests: each fault is given a FakePort, and lasts."""

import random
from collections.abc import Callable
from typing import Any


def once(spoiled: bytes) -> Callable[[bytes], bytes]:
    """Replace the first bytes heard, and none after."""
    left = [spoiled]
    return lambda heard: left.pop() if heard and left else heard


def deaf(port: Any) -> None:
    """Have the sensor hear nothing, and say nothing."""
    port.sensor.receive = lambda _data, _now: b""
    port.sensor.tick = lambda _now: b""


def asleep(port: Any) -> None:
    """Have it fall asleep by itself."""
    port.sensor.awake = False


def garbage(port: Any) -> None:
    """Turn all that it says into noise."""
    noise = random.Random(1)
    port.spoil = lambda heard: noise.randbytes(len(heard))


def unplugged(port: Any) -> None:
    """Pull the plug."""
    port.unplugged = True
