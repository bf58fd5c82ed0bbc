from picket.config.schema import Rule
from picket_automation.engine import Engine, Fired

MOTION, CLEAR = frozenset({"alarm", "motion"}), frozenset({"normal", "clear"})


def engine(**settings: object) -> Engine:
    rule = Rule(when="input hall motion", then="relay light on 5 s", **settings)  # type: ignore[arg-type]
    engine = Engine({"hall_light": rule})
    engine.take("input", "hall", CLEAR, 0)
    return engine


def test_a_rule_fires_when_its_state_begins_and_not_while_it_lasts() -> None:
    rules = engine()

    begun, lasting = rules.take("input", "hall", MOTION, 1), rules.take("input", "hall", MOTION, 2)

    assert [(f.rule, f.action.output, f.action.seconds, f.held_back) for f in begun] == [
        ("hall_light", "light", 5.0, "")
    ]
    assert lasting == []


def test_how_things_stand_at_the_start_fires_nothing() -> None:
    rules = Engine({"r": Rule(when="input hall motion", then="relay light on")})

    assert rules.take("input", "hall", MOTION, 0) == []


def test_another_input_fires_nothing() -> None:
    rules = engine()
    rules.take("input", "garden", CLEAR, 0)

    assert rules.take("input", "garden", MOTION, 1) == []


def test_a_rule_that_cools_down_is_held_back() -> None:
    rules = engine(cooldown_seconds=60)

    def walk(now: float) -> list[Fired]:
        fired = rules.take("input", "hall", MOTION, now)
        rules.take("input", "hall", CLEAR, now + 1)
        return fired

    assert [walk(now)[0].held_back for now in (10, 40, 75)] == ["", "cools down for another 30.0 s", ""]


def test_a_condition_must_hold() -> None:
    rules = engine(only_if="output siren off")
    unknown = rules.take("input", "hall", MOTION, 1)
    rules.take("input", "hall", CLEAR, 2)
    rules.take("output", "siren", frozenset({"off"}), 3)
    held = rules.take("input", "hall", MOTION, 4)

    assert [f.held_back for f in unknown] == ["not output siren off"]
    assert [f.held_back for f in held] == [""]


def test_tamper_is_a_word_like_any() -> None:
    rules = Engine({"siren": Rule(when="input garage tamper", then="relay siren on 10s")})
    rules.take("input", "garage", CLEAR, 0)

    fired = rules.take("input", "garage", frozenset({"tamper", "clear"}), 1)

    assert [f.action.output for f in fired] == ["siren"]
