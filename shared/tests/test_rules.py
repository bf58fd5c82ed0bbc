import pytest

from picket.config.rules import State, Trigger, parse_trigger
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
        pytest.param("input hall motion and input kitchen motion within 0 s", "more than 0 s", id="no-window"),
    ],
)
def test_what_is_no_trigger_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse_trigger(text)
