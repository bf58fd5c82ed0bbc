"""What the hub has written to the card, from the kernel's own account of this process.

`write_bytes` counts pages that became dirty and must be written back: the journal, its log and what is read beside
them, not the file system's own metadata; in memory (tmpfs) nothing is written, and nothing is counted.
"""

from collections import deque
from pathlib import Path

DAY_SECONDS = 86_400.0
SAMPLE_SECONDS = 600.0
PROJECTED_SECONDS = 3600.0
FIRST_SECONDS = 60.0  # before that a projection would say nothing
ENDS_BELOW = 0.9  # of the budget


class Wear:
    """Judges a count that goes up; times are monotonic seconds."""

    def __init__(self, budget_bytes_per_day: float) -> None:
        """Begin with the first count that is noted."""
        self._budget = budget_bytes_per_day
        self._samples: deque[tuple[float, int]] = deque()
        self.over = False
        self.last_day_bytes = 0
        self.per_day: float | None = None

    def note(self, now: float, written: int) -> None:
        """Take in the count; a sample stands for ten minutes, and those of a day are kept."""
        if not self._samples:
            self._samples.append((now, written))
        while len(self._samples) > 1 and self._samples[1][0] <= now - DAY_SECONDS:
            self._samples.popleft()
        self.last_day_bytes = written - self._samples[0][1]
        since, before = next((s for s in self._samples if s[0] >= now - PROJECTED_SECONDS), self._samples[-1])
        if now - since >= FIRST_SECONDS:
            self.per_day = (written - before) / (now - since) * DAY_SECONDS
        if now - self._samples[-1][0] >= SAMPLE_SECONDS:
            self._samples.append((now, written))
        self.over = self.last_day_bytes > self._budget * (ENDS_BELOW if self.over else 1.0)


def written_bytes(account: Path = Path("/proc/self/io")) -> int | None:
    """Return what this process has had written, less what was taken back in time; None where nobody counts."""
    try:
        fields = dict(line.split(": ") for line in account.read_text().splitlines())
        return int(fields["write_bytes"]) - int(fields["cancelled_write_bytes"])
    except (OSError, KeyError, ValueError):
        return None
