"""How long to wait for a conversion: learned from what looks find, for a chip's clock is its own.

A look that is too early costs a transfer, one that is too late costs time. So the wait creeps down while a first look
at its time finds the conversion done, and goes up beyond the latest look that found it going on. One first look in some
hundred is too early, whatever the chip, the bus and the usual lateness of the system's sleep, which is learned too.

Ages run from the end of the start's transfer to the beginning of the look's. A thread that was held up makes an age
too long, and that a conversion was done at a long age moves the wait no further than at a short one; or (held up within
a transfer) too short, and the next early look puts that right. "Not done at this age" is true however late it was seen.
"""

from picket_gpio_input.sampling.mcp3424 import FASTEST

# Shares of the typical time.
LESS = 0.00002
MORE = 0.0025  # LESS over MORE is how often the first look is too early
LEAST_KNOWN = 0.01  # how fast the wait creeps down while little is known
LONGEST_STEP = 0.04
LOST_TRACK = 4  # so many looks in vain at one conversion say that little is known
LONG_SINCE = 250  # so many first looks in a row that found it done say that the wait may be far too long


class Period:
    """The wait for one chip's conversions of one resolution."""

    def __init__(self, typical_seconds: float) -> None:
        """Begin with the typical time, and in large steps."""
        self.typical_seconds = typical_seconds
        self.wait = typical_seconds
        self._least = 0.9 * FASTEST * typical_seconds
        self._less = LEAST_KNOWN
        self._more = MORE
        self._done_at_once = 0  # first looks in a row

    def step(self, looks: int) -> float:
        """Return how long to wait after so many looks in vain."""
        return min(MORE * (1 << min(looks - 1, 8)), LONGEST_STEP) * self.typical_seconds

    def learn(self, age: float, unready: float, looks: int, on_time: bool) -> None:
        """Take in the age of a conversion found done after so many looks in vain, the latest of them at `unready`.

        A first look that was not `on_time`, for the bus was busy with another chip, says nothing of the wait.
        """
        if looks == 0:
            if not on_time:
                return
            self._done_at_once += 1
            if self._done_at_once % LONG_SINCE == 0:
                self._less = min(2 * self._less, LEAST_KNOWN)
            self.wait = max(self._least, self.wait - self._less * self.typical_seconds)
            return
        if self._done_at_once:
            self._more, self._less = MORE, max(LESS, self._less / 2)
        else:
            self._more = min(2 * self._more, LONGEST_STEP)
            self._less = self._more / 8
        if looks >= LOST_TRACK:
            self._less = LEAST_KNOWN
        self._done_at_once = 0
        self.wait = min(age, unready + self._more * self.typical_seconds)
