"""A dust sensor as a source: its driver does what its duty cycle says."""

from collections.abc import Mapping
from typing import Protocol

from picket_collectors.duty_cycle import Dust, DutyCycle, Quantities
from picket_collectors.lifetime import Lifetime
from picket_collectors.source import Site, SourceError, Values
from picket_collectors.store import Store


class Driver(Protocol):
    """What a dust sensor can be told; each raises SourceError when it does not obey, OSError when it is gone."""

    @property
    def discarded(self) -> int:
        """Count the bytes that were of no frame."""
        ...

    def wake(self) -> None:
        """Switch laser and fan on, and let it measure by query."""
        ...

    def query(self) -> Quantities:
        """Return what it measures now; nothing, or zeros, while it warms up."""
        ...

    def sleep(self) -> None:
        """Switch laser and fan off."""
        ...

    def close(self) -> None:
        """Put it to sleep without waiting for an answer, and hang up; never raises."""
        ...


class DustSensor:
    """Measures, and counts how long the laser is on: the part that wears out."""

    def __init__(self, config: Dust, site: Site, driver: Driver) -> None:
        """Tell the sensor nothing yet."""
        self._site = site
        self._driver = driver
        self._cycle = DutyCycle(config)
        self._laser = Lifetime("laser", Store(site))
        self._sleeps_refused = 0

    def sample(self) -> Values:
        """Measure once, with all that the duty cycle asks for."""
        while (step := self._cycle.next(self._site.clock())).do != "done":
            match step.do:
                case "wake":
                    self._driver.wake()
                    self._laser.on(self._site.clock())
                case "wait":
                    self._site.pause(step.seconds)
                case "query":
                    self._cycle.heard(self._driver.query())
                case "sleep":
                    self._sleep()
        self._laser.count(self._site.clock())
        return self._cycle.result()

    def interval_seconds(self) -> float:
        """Be sampled more often while the air is bad."""
        return self._cycle.interval_seconds

    def figures(self) -> Mapping[str, float]:
        """Show the laser's age, and what the sensor does not do as it should."""
        return {
            "laser_hours": round(self._laser.seconds / 3600, 2),
            "bad_air": int(self._cycle.bad_air),
            "discarded_bytes": self._driver.discarded,
            "sleeps_refused": self._sleeps_refused,
        }

    def close(self) -> None:
        """Put the sensor to sleep, if it listens, and hang up."""
        self._laser.off(self._site.clock())
        self._driver.close()

    def _sleep(self) -> None:
        try:
            self._driver.sleep()
        except SourceError:
            self._sleeps_refused += 1  # what was measured is good all the same
        else:
            self._laser.off(self._site.clock())
