"""Decide what rules ask for: a pure machine over the states of inputs, outputs and thresholds."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from picket.config.rules import Action, State, Trigger, parse_action, parse_state, parse_trigger
from picket.config.schema import Rule


class Fired(NamedTuple):
    """A rule whose moment has come; `held_back` says why nothing is done ("" if it is)."""

    rule: str
    action: Action
    held_back: str = ""


class _Parsed(NamedTuple):
    when: Trigger
    then: Action
    only_if: State | None
    cooldown_seconds: float


class Engine:
    """All rules of a device; a rule fires when its `when` becomes true, not while it is.

    A `when` of two states becomes true when the second of them begins within the window; then both are used up.
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        """Begin knowing no state; raises ConfigError for a rule that can't be read."""
        self._rules = {
            name: _Parsed(
                parse_trigger(rule.when),
                parse_action(rule.then),
                parse_state(rule.only_if) if rule.only_if else None,
                rule.cooldown_seconds,
            )
            for name, rule in rules.items()
        }
        self._words: dict[tuple[str, str], frozenset[str]] = {}
        self._begun: dict[str, dict[State, float]] = {name: {} for name in rules}
        self._fired: dict[str, float] = {}

    def take(self, what: str, name: str, words: frozenset[str], now: float) -> list[Fired]:
        """Take in all that holds of an input, output or threshold now; return the rules that this makes fire.

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
            for state in rule.when.states
            if (state.what, state.name) == (what, name) and state.word in begun
            if self._begin(rule_name, rule.when, state, now)
        ]

    def _begin(self, rule_name: str, when: Trigger, state: State, now: float) -> bool:
        begun = self._begun[rule_name]
        begun[state] = now
        complete = all(now - begun.get(other, -math.inf) <= when.within_seconds for other in when.states)
        if complete:
            begun.clear()
        return complete

    def _judge(self, name: str, rule: _Parsed, now: float) -> Fired:
        condition = rule.only_if
        if condition and condition.word not in self._words.get((condition.what, condition.name), frozenset()):
            return Fired(name, rule.then, f"not {condition.what} {condition.name} {condition.word}")
        rested = now - self._fired.get(name, -math.inf)
        if rested < rule.cooldown_seconds:
            return Fired(name, rule.then, f"cools down for another {rule.cooldown_seconds - rested:.1f} s")
        self._fired[name] = now
        return Fired(name, rule.then)
