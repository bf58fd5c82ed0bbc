"""The journal as a table for a spreadsheet: the columns are the same for every export, whatever is in it.

A message is a row, and has its fields in the columns of their names; a reading is a row for each thing it measured
("quantity", "value"), as the values are named by who set the device up, and columns must not depend on that.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from picket.bus.journal import Entry
from picket.messages import (
    Fault,
    InputEvent,
    InputState,
    Message,
    OutputResult,
    OutputState,
    Reading,
    ThresholdEvent,
    utc,
)

KINDS = (InputEvent, ThresholdEvent, InputState, Reading, OutputState, OutputResult, Fault)
IN_OTHER_COLUMNS = ("time_ns", "values", "traceback")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _columns() -> tuple[str, ...]:
    # "id" is the message's own (an episode's, a command's); "entry" is its place in the journal.
    fields = [field for kind in (Message, *KINDS) for field in kind.__struct_fields__]
    names = ["entry", "time", "topic", *fields]
    return tuple(name for name in dict.fromkeys(names) if name not in IN_OTHER_COLUMNS)


COLUMNS = _columns()


def rows(entry: Entry) -> Iterator[dict[str, Any]]:
    """Yield what a message says, a row or more; of what is no message, where it stands."""
    try:
        fields = msgspec.json.decode(entry.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = {}
    row = {name: _cell(field) for name, field in fields.items() if name in COLUMNS}
    row |= {"entry": entry.id, "time": _time(fields.get("time_ns")), "topic": entry.topic}
    values = fields.get("values")
    if not isinstance(values, dict):
        yield row
        return
    for name, value in values.items():
        yield row | {"quantity": _cell(name), "value": _cell(value)}


def _time(time_ns: Any) -> str:
    try:
        return utc(time_ns).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (TypeError, ValueError, OverflowError):
        return ""


def _cell(field: Any) -> Any:
    if isinstance(field, str) and field.startswith(FORMULA):
        return "'" + field  # a spreadsheet would take it for a formula, and some of this was written elsewhere
    return "" if field is None else field
