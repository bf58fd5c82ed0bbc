"""The text of a traceback, read back into exceptions and frames."""

import traceback
from collections.abc import Callable

import pytest

from picket_notifier.tracebacks import exceptions


def plain() -> None:
    raise ValueError("no pin\nat all")


def chained() -> None:
    try:
        plain()
    except ValueError as error:
        raise RuntimeError("guard") from error


def while_handling() -> None:
    try:
        plain()
    except ValueError:
        {}["door"]


def endless(number: int = 0) -> None:
    endless(number + 1)


def text_of(fail: Callable[[], None]) -> str:
    try:
        fail()
    except Exception:
        return traceback.format_exc()
    raise AssertionError("it did not fail")


@pytest.mark.parametrize(
    ("fail", "expected"),
    [
        pytest.param(plain, [("ValueError", "no pin\nat all", ["text_of", "plain"])], id="plain"),
        pytest.param(
            chained,
            [
                ("ValueError", "no pin\nat all", ["chained", "plain"]),
                ("RuntimeError", "guard", ["text_of", "chained"]),
            ],
            id="the-cause-first",
        ),
        pytest.param(
            while_handling,
            [
                ("ValueError", "no pin\nat all", ["while_handling", "plain"]),
                ("KeyError", "'door'", ["text_of", "while_handling"]),
            ],
            id="while-handling-another",
        ),
    ],
)
def test_a_traceback_is_read(fail: Callable[[], None], expected: list[tuple[str, str, list[str]]]) -> None:
    found = exceptions(text_of(fail))

    assert [
        (one["type"], one["value"], [frame["function"] for frame in one["stacktrace"]["frames"]]) for one in found
    ] == expected


def test_a_frame_has_its_place_and_its_line() -> None:
    frame = exceptions(text_of(plain))[0]["stacktrace"]["frames"][-1]

    assert frame["abs_path"] == __file__
    assert frame["lineno"] == plain.__code__.co_firstlineno + 1
    assert frame["context_line"] == 'raise ValueError("no pin\\nat all")'
    assert frame["in_app"] is True


@pytest.mark.parametrize(
    ("path", "filename", "in_app"),
    [
        ("/venv/lib/python3.11/site-packages/picket_relay/guard.py", "picket_relay/guard.py", True),
        ("/app/services/relay/src/picket_relay/guard.py", "picket_relay/guard.py", True),
        ("/app/shared/src/picket/loop.py", "picket/loop.py", True),
        ("/venv/lib/python3.11/site-packages/zmq/sugar/poll.py", "zmq/sugar/poll.py", False),
        ("/usr/lib/python3.11/json/decoder.py", "json/decoder.py", False),
    ],
)
def test_what_is_ours_is_told_from_what_is_not(path: str, filename: str, in_app: bool) -> None:
    text = f'Traceback (most recent call last):\n  File "{path}", line 3, in step\nOSError: [Errno 5] x\n'

    frame = exceptions(text)[0]["stacktrace"]["frames"][0]

    assert (frame["filename"], frame["in_app"]) == (filename, in_app)
    assert "context_line" not in frame


def test_an_endless_recursion_is_read() -> None:
    found = exceptions(text_of(endless))

    assert found[-1]["type"] == "RecursionError"


@pytest.mark.parametrize("text", ["", "no traceback", "Traceback: ...", "Traceback (most recent call last):\n  cut"])
def test_what_is_no_traceback_has_no_exception(text: str) -> None:
    assert exceptions(text) == []
