"""Python's wall clock, moved by the seconds that the file CLOCK_FILE holds, in every process that has this folder on
its path; the monotonic clock is left alone, as by a real step. (libfaketime 0.9.10 breaks `time.sleep` of Python 3.11.)
"""

import os
import time
from contextlib import suppress

_time_ns = time.time_ns


def _shifted_ns() -> int:
    with suppress(OSError, ValueError), open(os.environ["CLOCK_FILE"]) as file:  # noqa: PTH123
        return _time_ns() + int(float(file.read()) * 1e9)
    return _time_ns()


time.time_ns = _shifted_ns
time.time = lambda: _shifted_ns() / 1e9
