r"""Read the text of a Python traceback back into Sentry's exceptions and frames.

Traceback (most recent call last):                        an exception begins
  File "/app/src/picket_relay/guard.py", line 12, in step   a frame, the outermost first
    raise ValueError("pin")                                 its line of source, where there is one
    ^^^^^^^^^^^^^^^^^^^^^^^                                 (not always)
ValueError: pin                                           type and value; the value may go on over lines
                                                          "During handling of ..." or "... direct cause of ...",
Traceback (most recent call last): ...                    and the next one, to which it led
"""

import re
from typing import Any

FRAME = re.compile(r'^[\s|]*File "(?P<path>.+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<value>.*))?$", re.DOTALL)
BEGINS = "Traceback (most recent call last):"
LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
ROOT = re.compile(r"^.*/(?:site-packages|dist-packages|lib/python3\.\d+|src)/")
FOREIGN = re.compile(r"/(?:site-packages|dist-packages|lib/python3\.\d+)/")
OURS = re.compile(r"/(?:site-packages|src)/picket(?:_\w+)?/")  # the release is installed like all else


def exceptions(text: str) -> list[dict[str, Any]]:
    """Return Sentry's exception values, the one that was raised last at the end; empty for what is no traceback."""
    values = []
    for part in text.split(BEGINS)[1:]:
        for link in LINKS:
            part = part.replace(link, "")
        if (value := _exception(part)) is not None:
            values.append(value)
    return values


def _exception(part: str) -> dict[str, Any] | None:
    frames: list[dict[str, Any]] = []
    lines = part.strip("\n").splitlines()
    for number, line in enumerate(lines):
        if found := FRAME.match(line):
            frames.append(_frame(found, lines[number + 1] if number + 1 < len(lines) else ""))
        elif raised := RAISED.match("\n".join(lines[number:]).rstrip()):
            return {
                "type": raised["type"].rpartition(".")[2],
                "module": raised["type"].rpartition(".")[0] or None,
                "value": raised["value"] or "",
                "stacktrace": {"frames": frames},
            }
    return None


def _frame(found: re.Match[str], after: str) -> dict[str, Any]:
    path = found["path"]
    frame = {
        "abs_path": path,
        "filename": ROOT.sub("", path),
        "lineno": int(found["line"]),
        "function": found["function"] or "<module>",
        "in_app": OURS.search(path) is not None or not FOREIGN.search(path),
    }
    if after.startswith("    ") and not FRAME.match(after):
        frame["context_line"] = after.strip()
    return frame
