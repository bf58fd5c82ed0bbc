"""Show which of several devices this one is: its lamp blinks for a while.

/sys/class/leds/ACT   (led0 before Linux 6)     the green one of a Raspberry Pi
    trigger      what switches it, the kernel's own word in brackets: "none [mmc0] timer heartbeat"
    brightness   0 is off
"""

import threading
from pathlib import Path

LEDS = Path("/sys/class/leds")
NAMES = ("ACT", "led0", "PWR", "led1")
BLINK_SECONDS = 15.0
HALF_SECONDS = 0.25


def blink(leds: Path = LEDS, seconds: float = BLINK_SECONDS) -> bool:
    """Blink, and leave the lamp to what switched it before; returns whether there is one."""
    led = next((leds / name for name in NAMES if (leds / name / "brightness").exists()), None)
    if led is None:
        return False
    try:
        before = (led / "trigger").read_text().partition("[")[2].partition("]")[0] or "none"
        try:
            (led / "trigger").write_text("none")
            for turn in range(round(seconds / HALF_SECONDS)):
                (led / "brightness").write_text("0" if turn % 2 else "255")
                threading.Event().wait(HALF_SECONDS)
        finally:
            (led / "trigger").write_text(before)
    except OSError:
        return False
    return True
