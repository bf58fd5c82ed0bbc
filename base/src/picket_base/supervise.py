"""supervisord whose waiting a signal ends: `python -m picket_base.supervise -c FILE`.

Python goes on with a poll that a signal has interrupted (PEP 475), so by itself supervisord sees only when its second
is over that a process has ended; and as it stops one after the other, the end of many would take many seconds.
"""

import os
import signal

from supervisor import poller, supervisord


class Woken(poller.Poller):  # type: ignore[misc]
    """A poller that every signal wakes."""

    def initialize(self) -> None:
        """Have signals write into a pipe."""
        super().initialize()
        self._ear, mouth = os.pipe()
        for end in (self._ear, mouth):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        """Return what can be read and written; a signal ends the wait."""
        self.register_readable(self._ear)
        readable, writable = super().poll(timeout)
        if self._ear in readable:
            readable.remove(self._ear)
            os.read(self._ear, 4096)
        return readable, writable


if __name__ == "__main__":
    poller.Poller = Woken
    supervisord.main()
