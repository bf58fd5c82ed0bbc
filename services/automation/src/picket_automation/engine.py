"""Decide what rules ask for: a pure machine over the states of inputs and outputs."""

from collections.abc import Mapping
from typing import NamedTuple

from picket.config.rules import Action, State, parse_action, parse_state
from picket.config.schema import Rule


class Fired(NamedTuple):
    """A rule whose moment has come; `held_back` says why nothing is done ("" if it is)."""

    rule: str
    action: Action
    held_back: str = ""


class _Parsed(NamedTuple):
    when: State
    then: Action
    only_if: State | None
    cooldown_seconds: float


class Engine:
    """All rules of a device; a rule fires when its `when` becomes true, not while it is."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        """Begin knowing no state; raises ConfigError for a rule that can't be read."""
        self._rules = {
            name: _Parsed(
                parse_state(rule.when),
                parse_action(rule.then),
                parse_state(rule.only_if) if rule.only_if else None,
                rule.cooldown_seconds,
            )
            for name, rule in rules.items()
        }
        self._words: dict[tuple[str, str], frozenset[str]] = {}
        self._fired: dict[str, float] = {}

    def take(self, what: str, name: str, words: frozenset[str], now: float) -> list[Fired]:
        """Take in all that holds of an input or output now; return the rules that this makes fire.

        What is heard of a thing for the first time is how it stands, not a change: nothing fires.
        """
        before = self._words.get((what, name))
        self._words[what, name] = words
        if before is None:
            return []
        begun = words - before
        return [
            self._judge(rule_name, rule, now)
            for rule_name, rule in self._rules.items()
            if (rule.when.what, rule.when.name) == (what, name) and rule.when.word in begun
        ]

    def _judge(self, name: str, rule: _Parsed, now: float) -> Fired:
        condition = rule.only_if
        if condition and condition.word not in self._words.get((condition.what, condition.name), frozenset()):
            return Fired(name, rule.then, f"not {condition.what} {condition.name} {condition.word}")
        rested = now - self._fired.get(name, float("-inf"))
        if rested < rule.cooldown_seconds:
            return Fired(name, rule.then, f"cools down for another {rule.cooldown_seconds - rested:.1f} s")
        self._fired[name] = now
        return Fired(name, rule.then)
