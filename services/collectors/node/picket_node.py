"""A node of Picket: measures, and tells the broker; through outages it keeps what it can say the time of.

    <base>/<id>/status    online; offline, which is our last will         retained
    <base>/<id>/info      {"board": ..., "version": ..., "quantities": {"temperature_c": [-40, 85], "open": null}}
    <base>/<id>/reading   {"temperature_c": 21.5, "time": "2026-03-01T06:30:00Z"}
    <base>/<id>/log       {"level": "info", "text": "starts"}

A reading leaves the memory when the broker has acknowledged it. Where there is no room for another, the oldest goes,
and how many went is logged as soon as somebody hears it. A reading without a time would be taken for a new one when it
comes late, so of those only the newest waits.
"""

import json
import random
import time

from picket_mqtt import PUBACK, Connection

TURN_MILLISECONDS = 100
MOST_READINGS = 60
MOST_LINES = 20
LONGEST_LINE = 200
KEEPALIVE_SECONDS = 15
ANSWER_SECONDS = 10
NETWORK_SECONDS = 600
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1, 60
INFINITIES = (float("inf"), float("-inf"))
CLOCK_IS_SET_FROM = 2025  # a board's clock begins at 1970, 2000 or 2021


class Node:
    """Measures with `sensors` and publishes; `run` never returns.

    `sensors` are pairs of a quantity and a callable, read in this order: one returns a number, or None for what it does
    not know, and may raise. `ranges` are [least, most] by quantity. A change of what is `watched` is told at once.
    `network()` brings the network up and tells whether it is; it is asked again from time to time. `watchdog()` is
    called several times a second while all is well.
    """

    def __init__(self, settings, sensors, ranges, watched=(), about=None, network=None, watchdog=None):
        """Begin with nothing measured; `about` is what `info` says of board and version."""
        self._settings = settings
        self._topic = settings.get("base_topic", "node") + "/" + settings["id"] + "/"
        self._quantities = [quantity for quantity, _ in sensors]  # a dict of MicroPython's has no order
        self._sensors = dict(sensors)
        self._watched = watched
        self._info = dict(about or {})
        self._info["quantities"] = {quantity: ranges.get(quantity) for quantity in self._quantities}
        self._network = network or (lambda: True)
        self._watchdog = watchdog or (lambda: None)
        self._interval = int(settings.get("interval_seconds", 30) * 1000)
        self._measured_at = None
        self._seen = {}
        self._broken = set()
        self._waiting = []  # (end of the topic, payload, whether it tells its time), the oldest first
        self._dropped = {"reading": 0, "log": 0}
        self._connection = None
        self._greeting = []
        self._on_its_way = None  # the number and the message, until it is acknowledged
        self._number = 0
        self._sent_at = self._heard_at = self._dial_at = self._network_at = time.ticks_ms()
        self._wait_seconds = FIRST_WAIT_SECONDS

    def log(self, text, level="info"):
        """Have a line logged where Picket runs."""
        line = json.dumps({"level": level, "text": text[:LONGEST_LINE]})
        self._keep("log", line, True, MOST_LINES)

    def run(self):
        """Work for ever; Ctrl-C ends it with a farewell."""
        try:
            while True:
                self.turn()
        except KeyboardInterrupt:
            self._farewell()

    def turn(self):
        """Do what is due; takes TURN_MILLISECONDS where that is nothing."""
        self._watchdog()
        self._look()
        try:
            if self._connection:
                self._look_after_the_network()
                self._converse()
            elif self._due(self._dial_at) and self._network():
                self._dial()
            else:
                time.sleep_ms(TURN_MILLISECONDS)
        except OSError as error:
            self._lost(error)

    def _look(self):
        changed = [q for q in self._watched if self._seen.get(q) != self._read(q)]
        now = time.ticks_ms()
        if changed or self._measured_at is None or time.ticks_diff(now, self._measured_at) >= self._interval:
            self._measure(now)

    def _measure(self, now):
        # On a grid of intervals, unless something changed in between or a sensor took its time.
        late = 0 if self._measured_at is None else time.ticks_diff(now, self._measured_at) - self._interval
        on_grid = 0 <= late < self._interval
        self._measured_at = time.ticks_add(now, -late) if on_grid else now
        self._seen = {quantity: self._read(quantity) for quantity in self._quantities}
        reading = dict(self._seen)
        utc = utc_now()
        if utc:
            reading["time"] = utc
        else:
            self._waiting = [m for m in self._waiting if m[2]]
        self._keep("reading", json.dumps(reading), bool(utc), MOST_READINGS)

    def _read(self, quantity):
        try:
            value = self._sensors[quantity]()
        except Exception as error:  # a driver may raise anything, and the other sensors are to be read
            if quantity not in self._broken:
                self._broken.add(quantity)
                self.log(f"{quantity}: {type(error).__name__}: {error}", "error")
            return None
        if quantity in self._broken:
            self._broken.remove(quantity)
            self.log(quantity + ": works again")
        if isinstance(value, bool):
            return int(value)
        return None if value != value or value in INFINITIES else value  # as NaN, these are not in JSON

    def _keep(self, end, payload, timed, most):
        waiting = [message for message in self._waiting if message[0] == end]
        if len(waiting) >= most:
            self._waiting.remove(waiting[0])
            self._dropped[end] += 1
        self._waiting.append((end, payload, timed))

    def _dial(self):
        settings = self._settings
        self._connection = Connection(
            settings["broker"],
            settings.get("port", 1883),
            settings["id"],
            (self._topic + "status", "offline"),
            settings.get("username", ""),
            settings.get("password", ""),
            KEEPALIVE_SECONDS,
        )
        self._greeting = [("status", "online", True), ("info", json.dumps(self._info), True)]
        self._sent_at = self._heard_at = time.ticks_ms()

    def _look_after_the_network(self):
        if self._due(self._network_at):
            self._network_at = time.ticks_add(time.ticks_ms(), NETWORK_SECONDS * 1000)
            if not self._network():
                raise OSError("the network is away")

    def _converse(self):
        for kind, number in self._connection.receive(0 if self._sends_now() else TURN_MILLISECONDS):
            self._heard_at = time.ticks_ms()
            if kind == PUBACK and self._on_its_way and self._on_its_way[0] == number:
                self._acknowledged(self._on_its_way[1])
        silent = time.ticks_diff(time.ticks_ms(), self._heard_at)
        if silent > (KEEPALIVE_SECONDS + ANSWER_SECONDS) * 1000 or (
            self._on_its_way and self._due(time.ticks_add(self._sent_at, ANSWER_SECONDS * 1000))
        ):
            raise OSError("the broker is silent")
        if self._sends_now():
            self._send((self._greeting or self._waiting)[0])
        elif not self._on_its_way and self._due(time.ticks_add(self._sent_at, KEEPALIVE_SECONDS * 500)):
            self._connection.ping()
            self._sent_at = time.ticks_ms()

    def _sends_now(self):
        return not self._on_its_way and bool(self._greeting or self._waiting)

    def _send(self, message):
        self._number = self._number % 65535 + 1
        end, payload, _ = message
        self._connection.publish(self._topic + end, payload.encode(), self._number, end in ("status", "info"))
        self._on_its_way = (self._number, message)
        self._sent_at = time.ticks_ms()

    def _acknowledged(self, message):
        self._on_its_way = None
        self._wait_seconds = FIRST_WAIT_SECONDS
        if self._greeting:
            self._greeting.pop(0)
            if not self._greeting:
                self._say_what_was_dropped()
        elif message in self._waiting:  # else it had to go meanwhile
            self._waiting.remove(message)

    def _say_what_was_dropped(self):
        for end, what in (("reading", "readings"), ("log", "lines")):
            if self._dropped[end]:
                self.log(f"dropped {self._dropped[end]} {what}: the broker was away for too long", "warning")
                self._dropped[end] = 0

    def _lost(self, error):
        if self._connection:
            self._connection.close()
            self._connection = None
        self._on_its_way = None
        # All nodes lose a broker at once, and are not to come back as one.
        wait = self._wait_seconds * (1000 + random.getrandbits(8))
        self._wait_seconds = min(2 * self._wait_seconds, LONGEST_WAIT_SECONDS)
        self._dial_at = time.ticks_add(time.ticks_ms(), wait)
        print(f"broker: {error}; next try in {wait // 1000} s")  # noqa: T201 - for who sits at the cable

    def _farewell(self):
        if self._connection:
            self._send(("status", "offline", True))
            self._connection.leave()

    def _due(self, when):
        return time.ticks_diff(time.ticks_ms(), when) >= 0


def utc_now():
    """Return the time as 2026-03-01T06:30:00Z; None while the clock is not set."""
    moment = time.gmtime()
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*moment[:6]) if moment[0] >= CLOCK_IS_SET_FROM else None
