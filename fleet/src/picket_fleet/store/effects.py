"""What a release does to devices, in words: for a push, `fleet preview` and the page."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Effect(NamedTuple):
    """What becomes of devices of which the same is to be said, in words; "" where there is nothing to say."""

    devices: list[str]
    services: str
    download: str = ""
    outputs: str = ""
    locks: str = ""
    presence: str = ""


def lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say it in words, a line for all devices of which the same is to be said."""
    return [f"{_some(effect.devices)}: {'; '.join(filter(None, effect[1:]))}" for effect in effects(found)]


def effects(found: Sequence[Mapping[str, Any]]) -> list[Effect]:
    """Say it in words, together for all devices of which the same is to be said."""
    together: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        together.setdefault(_said(one), []).append(one["device"])
    return [Effect(names, *said) for said, names in together.items()]


def _said(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Return an Effect's words."""
    if one["is_pinned"]:
        return ("pinned, stays as it is",)
    verbs = [f"{verb} {', '.join(one[verb])}" for verb in ("restarts", "starts", "stops") if one[verb]]
    size = f"{one['bytes']:,} bytes{' of layers' if one['by'] == 'layers' else ''}" if one["by"] else ""
    drops = [f"{drop['what']} {_time(drop, one['device'])} ({drop['service']})" for drop in one["outputs"] or ()]
    locks = [f"{name} holds an update lock{f': {why}' if why else ''}" for name, why in one["locks"].items()]
    return (
        "; ".join(verbs) or "nothing restarts",
        size,
        "; ".join(drops) or ("outputs stay" if one["outputs"] == [] else ""),
        "; ".join(locks),
        "" if one["is_online"] else "offline",
    )


def _time(drop: Mapping[str, Any], device: str) -> str:
    if drop["seconds"] is None:
        return "for a time that was never measured"
    on = "" if drop["measured_on"] == device else f", on {drop['measured_on']}"
    return f"for {drop['seconds']:.1f} s (as last time{on})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
