import pytest

from picket.config.rules import State, Trigger, parse_state, parse_trigger
from picket.errors import ConfigError

HALL, KITCHEN = State("input", "hall", "motion"), State("input", "kitchen", "motion")


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        pytest.param("input hall motion", Trigger((HALL,)), id="one"),
        pytest.param("input hall motion and input kitchen motion within 30 s", Trigger((HALL, KITCHEN), 30), id="two"),
        pytest.param(
            "input hall  motion and input kitchen motion within 2.5s", Trigger((HALL, KITCHEN), 2.5), id="gap"
        ),
        pytest.param(
            "threshold power_cut begins", Trigger((State("threshold", "power_cut", "active"),)), id="threshold-begins"
        ),
        pytest.param(
            "threshold power_cut ends", Trigger((State("threshold", "power_cut", "clear"),)), id="threshold-ends"
        ),
        pytest.param("input within motion", Trigger((State("input", "within", "motion"),)), id="named-as-a-word"),
    ],
)
def test_a_trigger_is_one_state_or_two_within_a_window(text: str, trigger: Trigger) -> None:
    assert parse_trigger(text) == trigger


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("input hall motion and input kitchen motion", "and input NAME WORD within N s', got", id="window"),
        pytest.param("input hall motion within 30 s", "and input NAME WORD within N s', got", id="one-within"),
        pytest.param("input hall motion and output light on within 30 s", "within N s', got", id="an-output"),
        pytest.param("input hall moves and input kitchen motion within 30 s", "got 'input hall moves'", id="word"),
        pytest.param("input hall motion and input hall tamper within 30 s", "expected two inputs", id="one-twice"),
        pytest.param("threshold power_cut active", r"threshold NAME begins\|ends', got", id="a-state-of-a-threshold"),
        pytest.param("input hall motion and threshold hot begins within 9 s", "within N s', got", id="a-threshold-too"),
        pytest.param("input hall motion and input kitchen motion within 0 s", "more than 0 s", id="no-window"),
    ],
)
def test_what_is_no_trigger_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse_trigger(text)


def test_a_threshold_s_state_is_a_condition() -> None:
    assert parse_state("threshold power_cut active") == State("threshold", "power_cut", "active")


@pytest.mark.parametrize(
    "text", ["threshold power_cut begins", "threshold power_cut", "switch hall on", "input hall", "output light motion"]
)
def test_what_is_no_state_is_refused_with_all_that_are(text: str) -> None:
    with pytest.raises(ConfigError, match=r"'output NAME on\|off' or 'threshold NAME active\|clear', got"):
        parse_state(text)
