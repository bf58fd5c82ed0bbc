"""Read the values of a compose file, which may be written in several ways."""

import re
from collections.abc import Callable
from typing import Any

UNITS = {"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30}
DURATIONS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def as_list(value: Any) -> list[Any]:
    """Return a list, of a list, a single value, or the keys of a mapping."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, dict)) else [value]


def as_map(value: Any, between: str = "=") -> dict[str, str]:
    """Return a mapping of strings, of a mapping or of a list of `key=value`."""
    if isinstance(value, dict):
        return {str(key): "" if item is None else _string(item) for key, item in value.items()}
    pairs = (str(item).partition(between) for item in as_list(value))
    return {key: item for key, _, item in pairs}


def size(value: Any) -> int:
    """Return bytes, of a number or of `64m`."""
    if value is None:
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?b?)", str(value).strip().lower())
    if not match:
        raise ValueError(f"{value!r} is no size")
    return int(float(match[1]) * UNITS[match[2]])


def seconds(value: Any) -> float:
    """Return seconds, of a number or of `1m30s`."""
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{value!r} is no duration")
    return sum(float(number) * DURATIONS[unit] for number, unit in parts)


def health(value: dict[str, Any]) -> dict[str, Any]:
    """Return the engine's form of a healthcheck."""
    if value.get("disable"):
        return {"Test": ["NONE"]}
    test = value.get("test")
    found: dict[str, Any] = {"Test": ["CMD-SHELL", test] if isinstance(test, str) else list(test or [])}
    for key, name in (("interval", "Interval"), ("timeout", "Timeout"), ("start_period", "StartPeriod")):
        if value.get(key) is not None:
            found[name] = int(seconds(value[key]) * 1e9)
    if value.get("retries") is not None:
        found["Retries"] = int(value["retries"])
    return found


def ports(values: list[Any]) -> tuple[dict[str, dict[str, str]], dict[str, list[dict[str, str]]]]:
    """Return the engine's exposed ports, and what they are bound to, of `[[address:]host:]container[/protocol]`."""
    exposed: dict[str, dict[str, str]] = {}
    bound: dict[str, list[dict[str, str]]] = {}
    for value in values:
        text, _, protocol = str(value).partition("/")
        address, host, inside = ["", "", *text.rsplit(":", 2)][-3:]
        inner, outer = _range(inside), _range(host) if host else []
        if outer and len(outer) != len(inner):
            raise ValueError(f"ports: {value!r} has ranges of two lengths")
        for index, port in enumerate(inner):
            key = f"{port}/{protocol or 'tcp'}"
            exposed[key] = {}
            outside = str(outer[index]) if outer else ""
            bound.setdefault(key, []).append({"HostIp": address.strip("[]"), "HostPort": outside})
    return exposed, bound


def volumes(values: list[Any], named: Callable[[str], str]) -> list[str]:
    """Return the engine's binds of volumes, which are named: a path of the host is refused."""
    binds = []
    for value in values:
        if isinstance(value, dict):
            if value.get("type", "volume") == "tmpfs":
                continue
            parts = [str(value["source"]), str(value["target"]), *(["ro"] if value.get("read_only") else [])]
        else:
            parts = str(value).split(":")
        if len(parts) < 2 or "/" in parts[0] or not parts[1].startswith("/"):
            raise ValueError(f"volumes: {value!r} is no named volume")
        binds.append(":".join([named(parts[0]), *parts[1:]]))
    return binds


def tmpfs(compose: dict[str, Any]) -> dict[str, str]:
    """Return the engine's file systems in memory, of both ways to ask for them."""
    given = [str(item).partition(":") for item in as_list(compose.get("tmpfs"))]
    found = {path: options for path, _, options in given}
    for value in as_list(compose.get("volumes")):
        if isinstance(value, dict) and value.get("type") == "tmpfs":
            found[str(value["target"])] = ""
    return found


def ulimits(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the engine's limits, of numbers or of soft and hard ones."""
    pairs = {
        name: limit if isinstance(limit, dict) else {"soft": limit, "hard": limit} for name, limit in value.items()
    }
    return [{"Name": name, "Soft": int(p.get("soft", 0)), "Hard": int(p.get("hard", 0))} for name, p in pairs.items()]


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def _string(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
