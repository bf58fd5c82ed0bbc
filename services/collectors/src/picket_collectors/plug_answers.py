"""What a Kasa plug answers, and the values in it.

XOR, KLAP   {"system":{"get_sysinfo":{}},"emeter":{"get_realtime":{}}}
get_sysinfo       relay_state 0/1   rssi dBm   mac, or mic_mac   feature "TIM:ENE" has a meter
children [{id, state 0/1}]: a strip; each outlet is asked for its meter by its id:
{"context":{"child_ids":[id]},"emeter":{"get_realtime":{}}}
get_realtime      power_mw voltage_mv current_ma total_wh; the first HS110 in W, V, A, kWh: power voltage current total
SMART       get_device_info, get_energy_usage, get_emeter_data
get_device_info   device_on true/false   rssi   mac
get_energy_usage  current_power mW   today_energy Wh
get_emeter_data   power_mw voltage_mv current_ma; not every plug has it

Some plugs crash when they are asked for what they have not, so what they are is asked first.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from picket_collectors.source import SourceError, Values

METER: dict[str, Any] = {"emeter": {"get_realtime": {}}}
PLUG: dict[str, Any] = {"system": {"get_sysinfo": {}}}
SMART: dict[str, Any] = {"get_device_info": None, "get_energy_usage": None, "get_emeter_data": None}

POWER = {"power_mw": 0.001, "current_power": 0.001, "power": 1.0}
VOLTAGE = {"voltage_mv": 0.001, "voltage": 1.0}
CURRENT = {"current_ma": 0.001, "current": 1.0}
TOTAL = {"total_wh": 1.0, "total": 1000.0}
TODAY = {"today_energy": 1.0}


class Answer(NamedTuple):
    """What a plug says: the values of the whole, and those of each outlet where it has several."""

    mac: str
    values: Values
    outlets: Sequence[Values] = ()


class AnotherLanguageError(SourceError):
    """The plug understood us, but not what it was asked for."""


def meters(said: Any) -> list[dict[str, Any]]:
    """Return what to ask a plug next that said what it is: nothing, its meter, or that of each outlet of a strip."""
    if "ENE" not in str(sysinfo(said).get("feature")).split(":"):
        return []
    return [{"context": {"child_ids": [outlet["id"]]}, **METER} for outlet in outlets(said)] or [METER]


def plug_answer(said: Any, metered: Sequence[Any] = ()) -> Answer:
    """Read what a plug says, and what it said of its `meters`; raises SourceError where it is no plug's answer."""
    info, children = sysinfo(said), outlets(said)
    on = float(any(child.get("state") for child in children)) if children else number(info.get("relay_state"))
    values = {"on": on, "signal_strength_dbm": number(info.get("rssi"))}
    measured = [energy(meter) for meter in metered]
    if measured and not children:
        values |= measured[0]
    each = [
        {"on": number(child.get("state")), **measures}
        for child, measures in zip(children, measured or [{}] * len(children), strict=bool(children))
    ]
    return Answer(plain(info.get("mac") or info.get("mic_mac")), values, each)


def smart_answer(said: Mapping[str, Any]) -> Answer:
    """Read what a SMART plug says; raises SourceError where it is no plug's answer."""
    info, usage, meter = (part if isinstance(part := said.get(name), dict) else {} for name in SMART)
    if "device_on" not in info:
        raise SourceError("answers, but says not whether it is on")
    values = {"on": number(info["device_on"]), "signal_strength_dbm": number(info.get("rssi"))}
    if usage or meter:
        values |= {"power_w": quantity({**usage, **meter}, POWER), "energy_today_wh": quantity(usage, TODAY)}
    if meter:
        values |= {"voltage_v": quantity(meter, VOLTAGE), "current_a": quantity(meter, CURRENT)}
    return Answer(plain(info.get("mac")), values)


def sysinfo(said: Any) -> dict[str, Any]:
    """Return what a plug says of itself; raises SourceError where it does not."""
    match said:
        case {"system": {"get_sysinfo": dict(info)}} if not info.get("err_code"):
            return info
        case {"error_code": _}:
            raise AnotherLanguageError("knows no get_sysinfo")
    raise SourceError("answers, but says not what it is")


def outlets(said: Any) -> list[dict[str, Any]]:
    """Return the outlets of a strip; none of a plug."""
    children = sysinfo(said).get("children") or []
    return [child for child in children if isinstance(child, dict) and "id" in child]


def energy(said: Any) -> dict[str, float | None]:
    """Read a meter; one that says nothing is unknown."""
    meter: dict[str, Any] = {}
    match said:
        case {"emeter": {"get_realtime": dict(realtime)}} if not realtime.get("err_code"):
            meter = realtime
    return {
        "power_w": quantity(meter, POWER),
        "voltage_v": quantity(meter, VOLTAGE),
        "current_a": quantity(meter, CURRENT),
        "energy_wh": quantity(meter, TOTAL),
    }


def quantity(meter: Mapping[str, Any], names: Mapping[str, float]) -> float | None:
    """Return the first that is there of several names for a quantity, in our unit."""
    for name, factor in names.items():
        if (value := number(meter.get(name))) is not None:
            return round(value * factor, 6)
    return None


def number(value: Any) -> float | None:
    """Return a number as a float, and whatever else as unknown."""
    return float(value) if isinstance(value, int | float) else None


def plain(mac: Any) -> str:
    """Return a MAC as lower-case digits: plugs write it with colons, with dashes, or with neither."""
    return "".join(digit for digit in str(mac or "").lower() if digit in "0123456789abcdef")
