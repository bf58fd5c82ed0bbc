"""The grammar of rules: words, as a person says them.

when      input NAME motion | clear | normal | alarm | tamper | short | open | fault
          output NAME on | off
          threshold NAME begins | ends
          input NAME WORD and input NAME WORD within N s      both begin within the window, in any order
only_if   one input or output, as a state that holds; or threshold NAME active | clear
then      relay NAME on [N s] | off
"""

import re
from collections.abc import Mapping
from typing import Literal, cast

from msgspec import Struct

from picket.errors import ConfigError

_STATE = re.compile(r"^(input|output|threshold) ([a-z0-9_]+) ([a-z]+)$")
_PAIR = re.compile(r"^(input .+) and (input .+) within ([0-9]+(?:\.[0-9]+)?) ?s$")
_ACTION = re.compile(r"^relay ([a-z0-9_]+) (?:(off)|on(?: ([0-9]+(?:\.[0-9]+)?) ?s)?)$")
_WORDS = {
    "input": ("motion", "clear", "normal", "alarm", "tamper", "short", "open", "fault"),
    "output": ("on", "off"),
    "threshold": ("active", "clear"),
}
_BEGINS = {"begins": "active", "ends": "clear"}  # a threshold's state, when it begins

What = Literal["input", "output", "threshold"]


class State(Struct, frozen=True):
    """What an input, an output or a threshold may be: "input hall motion"."""

    what: What
    name: str
    word: str


class Trigger(Struct, frozen=True):
    """When a rule fires: its state begins; or both do, within `within_seconds`."""

    states: tuple[State, ...]
    within_seconds: float = 0.0


class Action(Struct, frozen=True):
    """What a rule does: "relay light on 5 s"."""

    output: str
    state: Literal["ON", "OFF"]
    seconds: float | None


def parse_state(text: str) -> State:
    """Read "input hall motion"; raises ConfigError with what was expected."""
    return _state(text, _WORDS)


def _state(text: str, known: Mapping[str, tuple[str, ...]]) -> State:
    match = _STATE.match(" ".join(text.split()))
    if not match or match[3] not in known[match[1]]:
        expected = [f"'{what} NAME {'|'.join(words)}'" for what, words in known.items()]
        raise ConfigError(f"expected {', '.join(expected[:-1])} or {expected[-1]}, got {text!r}")
    return State(cast(What, match[1]), match[2], _BEGINS.get(match[3], match[3]))


def parse_trigger(text: str) -> Trigger:
    """Read a `when`: a state, or "input hall motion and input kitchen motion within 30 s"; raises ConfigError."""
    words = text.split()
    match = _PAIR.match(" ".join(words))
    if not match and not (len(words) > 3 and {"and", "within"} & set(words)):
        return Trigger((_state(text, {**_WORDS, "threshold": tuple(_BEGINS)}),))
    if not match:
        raise ConfigError(f"expected 'input NAME WORD and input NAME WORD within N s', got {text!r}")
    first, second, within_seconds = parse_state(match[1]), parse_state(match[2]), float(match[3])
    if first.name == second.name:
        raise ConfigError(f"expected two inputs, got {first.name!r} twice")
    if within_seconds == 0:
        raise ConfigError(f"expected a window of more than 0 s, got {text!r}")
    return Trigger((first, second), within_seconds)


def parse_action(text: str) -> Action:
    """Read "relay light on 5 s"; raises ConfigError with what was expected."""
    match = _ACTION.match(" ".join(text.split()))
    if not match:
        raise ConfigError(f"expected 'relay NAME on [N s]' or 'relay NAME off', got {text!r}")
    return Action(match[1], "OFF" if match[2] else "ON", float(match[3]) if match[3] else None)
