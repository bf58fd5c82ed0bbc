"""The questions that balena's command line asks, in its own words."""

import re
from typing import Any

import pytest

from picket_fleet.cloud.filters import UnknownQueryError, selector_of
from picket_fleet.cloud.query import folded, select

ROWS: list[dict[str, Any]] = [
    {"id": 1, "slug": "fleet/house", "uuid": "aa11", "name": "it's", "is_final": True,
     "belongs_to__application": {"__id": 7}, "service": [{"id": 3, "application": {"__id": 7}}],
     "is_directly_accessible_by__user": [{"id": 1}]},
    {"id": 2, "slug": "fleet/shed", "uuid": "ab22", "name": None, "is_final": False,
     "belongs_to__application": {"__id": 8}, "service": [], "is_directly_accessible_by__user": []},
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("slug eq 'fleet/house' or uuid eq 'fleet/house'", [1]),
        ("startswith(uuid,'a')", [1, 2]),
        ("startswith(uuid,'ab') and belongs_to__application eq 8 and is_final eq false", [2]),
        ("belongs_to__application eq 7", [1]),
        ("service/any(s:s/application eq 7)", [1]),
        ("(slug eq 'fleet/shed' or id eq 1) and id ne 1", [2]),
        ("name eq 'it''s'", [1]),
        ("name eq null", [2]),
        ("id in (2, 5)", [2]),
        ("is_directly_accessible_by__user/any(dau:1 eq 1) and (slug eq 'fleet/house' or uuid eq 'x')", [1]),
        ("nonsense eq 1", []),
    ],
)
def test_a_filter_finds_its_rows(text: str, ids: list[int]) -> None:
    assert [row["id"] for row in select(ROWS, {"$filter": text})] == ids


def test_rows_come_in_the_order_and_number_that_is_asked_for() -> None:
    assert [row["id"] for row in select(ROWS, {"$orderby": "id desc"})] == [2, 1]
    assert [row["id"] for row in select(ROWS, {"$orderby": "name asc", "$top": "1"})] == [2]


@pytest.mark.parametrize("text", ["2", "uuid='ab22'", "slug='fleet/shed',id=2"])
def test_a_selector_means_one_row(text: str) -> None:
    test = selector_of(text)

    assert [row["id"] for row in ROWS if test(row)] == [2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not understood from here on: its end"),
        ("slug like 'x'", "not understood from here on: like 'x'"),
        ("slug eq", "not understood from here on: its end"),
        ("slug eq 'x' and", "not understood from here on: its end"),
        ("slug eq 'x", "not understood: 'x"),
        ("(" * 50 + "id eq 1" + ")" * 50, "too deep"),
        ("x" * 5000, "too long"),
    ],
)
def test_what_is_not_understood_is_said(text: str, said: str) -> None:
    with pytest.raises(UnknownQueryError, match="^" + re.escape(said)):
        select(ROWS, {"$filter": text})


def test_what_nobody_asks_for_is_not_looked_up() -> None:
    looked_up: list[str] = []

    def service() -> list[dict[str, int]]:
        looked_up.append("service")
        return [{"id": 3}]

    row = {"id": 1, "name": "x", "service": service}

    assert folded(row, {}) == {"id": 1, "name": "x"}
    assert folded(row, {"$select": "name"}) == {"name": "x"}
    assert not looked_up
    assert select([row], {"$filter": "service eq 3"}) == [row]
    assert folded(row, {"$select": "id", "$expand": "service"}) == {"id": 1, "service": [{"id": 3}]}


def test_what_is_not_expanded_is_a_reference() -> None:
    row = {
        "id": 1,
        "owns__device": [{"id": 4}, {"id": 5}],
        "is_of__device_type": [{"id": 2, "slug": "pi"}],
        "pinned": [],
    }

    assert folded(row, {}) == {"id": 1, "is_of__device_type": {"__id": 2}, "pinned": None}
    assert folded(row, {"$expand": "owns__device($select=id;$filter=id eq 4;$expand=a,b),pinned"}) == {
        "id": 1,
        "owns__device": [{"id": 4}],
        "is_of__device_type": {"__id": 2},
        "pinned": [],
    }
