"""What a board has, and the unix port of MicroPython has not: WiFi, a watchdog, a clock to set. All may be absent."""

import sys
import time

JOIN_SECONDS = 30
CLOCK_SECONDS = 86_400  # a cheap crystal is some seconds off by then
WATCHDOG_MILLISECONDS = 8000  # the most that an RP2040 counts


def about(version):
    """Return what `info` says of board and program."""
    return {"board": getattr(sys.implementation, "_machine", sys.platform), "version": version}


def network(settings):
    """Return what brings up WiFi and keeps the clock right; None where there is nothing to bring up."""
    try:
        from network import STA_IF, WLAN
    except ImportError:
        return None
    wlan = WLAN(STA_IF)
    wlan.active(True)
    joined_at = set_at = None

    def up():
        nonlocal joined_at, set_at
        now = time.ticks_ms()
        if wlan.isconnected():
            if (set_at is None or time.ticks_diff(now, set_at) > CLOCK_SECONDS * 1000) and set_clock():
                set_at = now
            return True
        if joined_at is None or time.ticks_diff(now, joined_at) > JOIN_SECONDS * 1000:
            joined_at = now
            wlan.disconnect()
            wlan.connect(settings["wifi_ssid"], settings["wifi_password"])
        return False

    return up


def set_clock():
    """Set the clock by NTP, and tell whether that answered."""
    try:
        import ntptime

        ntptime.settime()
    except (ImportError, OSError):
        return False  # without a clock only the newest reading is kept through an outage
    return True


def watchdog():
    """Start the watchdog and return what feeds it: from now on a program that hangs or ends restarts the board."""
    try:
        from machine import WDT
    except ImportError:
        return None
    return WDT(timeout=WATCHDOG_MILLISECONDS).feed
