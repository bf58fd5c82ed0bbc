"""Tables, sizes and times, as people read them."""

import pytest

from picket_fleet.cli.tables import table
from picket_fleet.people.wording import ago, printable, size, span

HEADER = ["NAME", "NOTE"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param(80, "NAME   NOTE\nattic  a note of some length\nhall", id="wide"),
        pytest.param(20, "NAME   NOTE\nattic  a note of so…\nhall", id="cut"),
        pytest.param(15, "NAME  attic\nNOTE  a note of some length\n\nNAME  hall", id="blocks"),
    ],
)
def test_a_table_takes_the_room_there_is(columns: int, expected: str) -> None:
    assert table(HEADER, [["attic", "a note of some length"], ["hall", ""]], columns) == expected


def test_an_empty_table_is_its_header() -> None:
    assert table(HEADER, [], 5) == "NAME  NOTE"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (size(0), "0 B"),
        (size(462), "462 B"),
        (size(9_321), "9.3 kB"),
        (size(31_800_000), "31.8 MB"),
        (size(2.5e9), "2.5 GB"),
        (span(59), "59 s"),
        (span(61), "1 min"),
        (span(47 * 3600), "47 h"),
        (span(49 * 3600), "2 days"),
        (ago(None, 10.0), "never"),
        (ago(12.0, 10.0), "0 s ago"),
        (printable("a\tb\x1b[0m\u202ec"), "a b [0m c"),
    ],
)
def test_words_for_numbers(text: str, expected: str) -> None:
    assert text == expected
