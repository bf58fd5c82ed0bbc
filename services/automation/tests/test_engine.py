import pytest

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


BOTH = "input hall motion and input kitchen motion within 30 s"


def test_two_inputs_within_the_window_fire_once_in_any_order() -> None:
    rules = Engine({"confirmed": Rule(when=BOTH, then="relay siren on 10 s")})
    fired_at = []

    for now, name, words in [
        (0, "hall", CLEAR),
        (0, "kitchen", CLEAR),
        (10, "kitchen", MOTION),
        (15, "hall", MOTION),  # the second comes: fires
        (16, "hall", CLEAR),
        (17, "hall", MOTION),  # the kitchen's motion is used up
        (18, "kitchen", CLEAR),
        (20, "kitchen", MOTION),  # it moved again, and the hall has since: fires
    ]:
        fired_at += [now for _ in rules.take("input", name, words, now)]

    assert fired_at == [15, 20]


@pytest.mark.parametrize(("second_at", "fires"), [(40.0, True), (40.1, False)], ids=["at-its-end", "after-it"])
def test_each_motion_must_begin_within_the_window_however_long_it_lasts(second_at: float, fires: bool) -> None:
    rules = Engine({"confirmed": Rule(when=BOTH, then="relay siren on 10 s")})
    for name in ("hall", "kitchen"):
        rules.take("input", name, CLEAR, 0)

    rules.take("input", "hall", MOTION, 10)  # and it goes on

    assert bool(rules.take("input", "kitchen", MOTION, second_at)) == fires


def test_one_input_that_moves_twice_confirms_nothing() -> None:
    rules = Engine({"confirmed": Rule(when=BOTH, then="relay siren on 10 s")})

    fired = [rules.take("input", "hall", words, now) for now, words in enumerate([CLEAR, MOTION, CLEAR, MOTION])]

    assert fired == [[], [], [], []]


def test_motion_from_before_the_start_confirms_nothing() -> None:
    rules = Engine({"confirmed": Rule(when=BOTH, then="relay siren on 10 s")})
    rules.take("input", "kitchen", CLEAR, 0)
    rules.take("input", "hall", MOTION, 1)

    assert rules.take("input", "kitchen", MOTION, 2) == []


def test_a_confirmation_that_is_held_back_is_used_up_too() -> None:
    rules = Engine({"confirmed": Rule(when=BOTH, then="relay siren on 10 s", only_if="output light off")})
    for name in ("hall", "kitchen"):
        rules.take("input", name, CLEAR, 0)
    rules.take("input", "hall", MOTION, 1)
    held_back = rules.take("input", "kitchen", MOTION, 2)
    rules.take("output", "light", frozenset({"off"}), 3)
    rules.take("input", "hall", CLEAR, 4)

    again = rules.take("input", "hall", MOTION, 5)

    assert [f.held_back for f in held_back] == ["not output light off"]
    assert again == []


ACTIVE, WITHIN = frozenset({"active"}), frozenset({"clear"})


@pytest.mark.parametrize(
    ("when", "fired_at"),
    [
        pytest.param("threshold power_cut begins", [1, 4], id="begins"),
        pytest.param("threshold power_cut ends", [3], id="ends"),
    ],
)
def test_a_threshold_fires_once_when_its_alert_begins_or_ends(when: str, fired_at: list[float]) -> None:
    rules = Engine({"r": Rule(when=when, then="relay light on 5 s")})
    alerts = [WITHIN, ACTIVE, ACTIVE, WITHIN, ACTIVE]

    fired = [now for now, words in enumerate(alerts) if rules.take("threshold", "power_cut", words, now)]

    assert fired == fired_at


def test_an_alert_that_goes_on_since_before_the_start_fires_nothing() -> None:
    rules = Engine({"r": Rule(when="threshold power_cut begins", then="relay light on 5 s")})

    assert rules.take("threshold", "power_cut", ACTIVE, 0) == []


def test_an_alert_is_a_condition_like_any_state() -> None:
    rules = engine(only_if="threshold power_cut active")
    held_back = []
    for now, words in enumerate([None, WITHIN, ACTIVE]):
        if words:
            rules.take("threshold", "power_cut", words, now)
        rules.take("input", "hall", CLEAR, now)
        held_back += [fired.held_back for fired in rules.take("input", "hall", MOTION, now)]

    assert held_back == ["not threshold power_cut active", "not threshold power_cut active", ""]
