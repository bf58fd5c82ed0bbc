"""OData, as far as balena's command line goes: which rows, in which order, how many, and what of them. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from picket_fleet.cloud.filters import Row, filter_of, number_of, value_of

# What is told only where a query names it: rows that refer to this one, and long texts.
NAMED = (
    *("owns__device", "owns__release", "release_tag", "release_image", "service_install", "service", "image_install"),
    *("device_tag", "is_directly_accessible_by__user", "composition"),
)


def select(rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """Return the rows that a query asks for; raises UnknownQueryError."""
    test = filter_of(query["$filter"]) if "$filter" in query else lambda _row: True
    found = [row for row in rows if test(row)]
    for part in reversed(query.get("$orderby", "").split(",") if query.get("$orderby") else []):
        name, _, direction = part.strip().partition(" ")
        found.sort(key=lambda row: (row.get(name) is not None, row.get(name)), reverse=direction.strip() == "desc")
    return found[: number_of(query.get("$top", ""))]


def folded(row: Row, query: Mapping[str, str]) -> Row:
    """Return what a query asks for of a row: what is not expanded is a reference; raises UnknownQueryError."""
    asked = expansions(query.get("$expand", ""))
    names = query["$select"].split(",") if "$select" in query else [name for name in row if name not in NAMED]
    left: dict[str, Any] = {}
    for name in dict.fromkeys((*names, *asked)):
        if name not in row:
            continue
        value = value_of(row, name)
        if not isinstance(value, list):
            left[name] = value
        elif name in asked:
            left[name] = [folded(inner, asked[name]) for inner in select(value, asked[name])]
        else:
            left[name] = {"__id": value[0].get("id")} if value else None
    return left


def expansions(text: str) -> dict[str, dict[str, str]]:
    """Return the names that an $expand has, with what it asks of each: name($select=...;$expand=...;...), ..."""
    found = {}
    for part in _split(text, ","):
        name, _, options = part.strip().removesuffix(")").partition("(")
        asked = (option.partition("=") for option in _split(options, ";"))
        found[name] = {key.strip(): value for key, _, value in asked}
    return found


def _split(text: str, separator: str) -> list[str]:
    """Cut a text where a character stands in no brackets."""
    depth, parts = 0, [""]
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]
