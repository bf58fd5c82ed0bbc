"""Check what one section says of another: names that exist, channels taken once, bands that can be told apart."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import pairwise, zip_longest
from typing import Any

from picket.config import rules, wiring
from picket.config.address import RSYSLOG_PORT, parse_address
from picket.config.collector import setting
from picket.config.schema import Config, Loop
from picket.config.time_zone import zone_of
from picket.config.tree import Path
from picket.errors import ConfigError


def cross_check(config: Config, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what one section says of another and is not so: (path, text)."""
    yield from _rsyslog_server(config)
    yield from _quiet_hours(config)
    yield from _broker_clients(config)
    yield from _places_on_boards(config)
    yield from _outputs(config)
    yield from _thresholds(config)
    for name, source in config.inputs.items():
        if isinstance(source, Loop):
            yield from _loop(config, name, source, data["inputs"][name])
        on, off = getattr(source, "on_above_volts", None), getattr(source, "off_below_volts", None)
        if on is not None and off is not None and off > on:
            yield ("inputs", name, "off_below_volts"), f"expected at most on_above_volts ({on}), got {off}"
        supplies = data.get("supplies") or {}
        if source.supply is not None and source.supply not in supplies:
            there_are = ", ".join(supplies) or "none"
            yield ("inputs", name, "supply"), f"there is no supply {source.supply!r}; there are {there_are}"
    known = {what: data.get(f"{what}s") or {} for what in ("input", "output", "threshold")}
    for name, rule in config.rules.items():
        for key, parse in (("when", rules.parse_trigger), ("only_if", rules.parse_state), ("then", rules.parse_action)):
            text = getattr(rule, key)
            if key == "only_if" and not text:
                continue
            try:
                targets = _targets(parse(text))
            except ConfigError as error:
                yield ("rules", name, key), str(error)
                continue
            for what, target in targets:
                if target not in known[what]:
                    there_are = ", ".join(known[what]) or "none"
                    yield ("rules", name, key), f"there is no {what} {target!r}; there are {there_are}"


def _rsyslog_server(config: Config) -> Iterator[tuple[Path, str]]:
    if config.rsyslog_server:
        try:
            parse_address(config.rsyslog_server, RSYSLOG_PORT)
        except ConfigError as error:
            yield ("rsyslog_server",), str(error)


def _quiet_hours(config: Config) -> Iterator[tuple[Path, str]]:
    try:
        zone_of(config.time_zone)
    except ConfigError as error:
        yield ("time_zone",), str(error)
    quiet = config.notifier.quiet_hours
    if quiet and quiet.begin == quiet.until:
        yield ("notifier", "quiet_hours", "until"), f"expected another time than begin, got {quiet.until!r}"


def _broker_clients(config: Config) -> Iterator[tuple[Path, str]]:
    """What Picket itself says, and heeds, is nobody else's: a node's password is to open no door."""
    users = {config.device: "the device", config.broker.username: "broker.username"}
    own = (f"{config.mqtt.root}/#", "homeassistant/device/picket_*/config")
    for name, client in config.broker.clients.items():
        path = ("broker", "clients", name)
        if name in users:
            yield path, f"expected a name of its own, {users[name]} is {name!r}"
        for topic in client.topics:
            yield from (
                ((*path, "topics"), f"{topic} reaches {ours}, Picket's own") for ours in own if _meet(topic, ours)
            )


def _meet(topic: str, ours: str) -> bool:
    """Tell whether there is a topic that both filters match."""
    for one, other in zip_longest(topic.split("/"), ours.split("/")):
        if "#" in (one, other):
            return True
        if one is None or other is None or ("+" not in (one, other) and not fnmatchcase(one, other)):
            return False
    return True


def _targets(parsed: rules.Trigger | rules.State | rules.Action) -> list[tuple[str, str]]:
    match parsed:
        case rules.Trigger(states):
            return [(state.what, state.name) for state in states]
        case rules.State(what, name):
            return [(what, name)]
        case rules.Action(output):
            return [("output", output)]


def _outputs(config: Config) -> Iterator[tuple[Path, str]]:
    """What must never be on by accident rests OFF: then nothing but a command, which can be refused, turns it on."""
    for name, output in config.outputs.items():
        rests_on = "ON" in (output.default, output.failsafe)
        if output.max_on_seconds is not None and rests_on:
            yield ("outputs", name, "max_on_seconds"), "an output that rests ON can't have a maximum on-time"
        if output.min_off_seconds and rests_on:
            yield ("outputs", name, "min_off_seconds"), "an output that rests ON can't have a minimum off-time"
        if output.interlock is not None and rests_on:
            yield ("outputs", name, "interlock"), "an output that rests ON can't be interlocked"
        if output.interlock is not None and output.interlock not in config.interlocks:
            there_are = ", ".join(config.interlocks) or "none"
            text = f"there is no interlock {output.interlock!r}; there are {there_are}"
            yield ("outputs", name, "interlock"), text
    for group in config.interlocks:
        members = [name for name, output in config.outputs.items() if output.interlock == group]
        if len(members) < 2:
            text = f"expected two outputs or more with `interlock: {group}`, there are {len(members)}"
            yield ("interlocks", group), text


def _thresholds(config: Config) -> Iterator[tuple[Path, str]]:
    for name, threshold in config.thresholds.items():
        if (threshold.above is None) == (threshold.below is None):
            got = "neither" if threshold.above is None else "both"
            yield ("thresholds", name), f"expected one of above and below, got {got}"
        if text := _no_source(config, threshold.source):
            yield ("thresholds", name, "source"), text


def _neighbours(config: Config) -> Iterator[tuple[Path, str]]:
    for name, collector in config.collectors.items():
        source = setting(collector, "humidity_from")
        if isinstance(source, str) and (text := _no_source(config, source)):
            yield ("collectors", name, "humidity_from"), text


def _no_source(config: Config, source: str) -> str:
    """Say that no collector gives this; one of many parts names them itself: `zigbee` gives `zigbee_kitchen` too."""
    if any(f"{source}_".startswith(f"{name}_") for name in config.collectors):
        return ""
    return f"there is no collector {source!r}; there are {', '.join(config.collectors) or 'none'}"


def _loop(config: Config, name: str, loop: Loop, given: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if loop.wiring is not None:
        if loop.zones:
            yield ("inputs", name, "zones"), "expected either wiring or zones, got both"
        if board := config.adc_boards.get(loop.board):
            texts = wiring.too_close(loop, loop.bits or board.bits, loop.gain)
            yield from ((("inputs", name, "wiring"), text) for text in texts)
        return
    if "wiring" not in given and not {"normal", "alarm"} <= set(given.get("zones") or {}):
        yield ("inputs", name, "zones"), "a loop needs its wiring, or at least a normal and an alarm band"
    edges = sorted((band.from_volts, band.below_volts, zone) for zone, band in loop.zones.items())
    for from_volts, below_volts, zone in edges:
        if below_volts - from_volts <= loop.hysteresis_volts:
            expected = f"expected more than from_volts and hysteresis_volts ({from_volts + loop.hysteresis_volts:g})"
            yield ("inputs", name, "zones", zone, "below_volts"), f"{expected}, got {below_volts:g}"
    for (_, below_volts, zone), (from_volts, _, other) in pairwise(edges):
        if from_volts < below_volts:
            expected = f"expected at least below_volts of {zone} ({below_volts:g})"
            yield ("inputs", name, "zones", other, "from_volts"), f"{expected}, got {from_volts:g}"


def _places_on_boards(config: Config) -> Iterator[tuple[Path, str]]:
    inputs = [("inputs", name, source.board, source.channel) for name, source in config.inputs.items()]
    supplies = [("supplies", name, supply.board, supply.channel) for name, supply in config.supplies.items()]
    outputs = [("outputs", name, output.board, output.pin) for name, output in config.outputs.items()]
    chips_of_adc_boards = {name: len(board.addresses) for name, board in config.adc_boards.items()}
    chips_of_io_boards = {name: len(board.addresses) for name, board in config.io_boards.items()}
    yield from _places([*inputs, *supplies], "channel", "ADC", chips_of_adc_boards, 4)
    yield from _places(outputs, "pin", "IO", chips_of_io_boards, 16)
    yield from _addresses(config)
    yield from _neighbours(config)


def _places(
    places: list[tuple[str, str, str, int]], key: str, kind: str, chips: Mapping[str, int], a_chip: int
) -> Iterator[tuple[Path, str]]:
    taken: dict[tuple[str, int], tuple[str, str]] = {}
    for section, name, board, number in places:
        if board not in chips:
            yield (section, name, "board"), f"there is no {kind} board {board!r}"
        elif number > a_chip * chips[board]:
            yield (section, name, key), f"board {board!r} has one chip: {key}s 1 to {a_chip}"
        owner = taken.setdefault((board, number), (section, name))
        if owner != (section, name):
            yield (section, name, key), f"{key} {number} of board {board!r} is {owner[1]!r}'s already"


def _addresses(config: Config) -> Iterator[tuple[Path, str]]:
    addresses: dict[tuple[str, int], str] = {}
    adcs = [("adc_boards", name, board.bus, board.addresses) for name, board in config.adc_boards.items()]
    ios = [("io_boards", name, board.bus, board.addresses) for name, board in config.io_boards.items()]
    sensors = [
        ("collectors", name, bus, [address])
        for name, collector in config.collectors.items()
        if isinstance(bus := setting(collector, "bus"), str)
        and isinstance(address := setting(collector, "address"), int)
    ]
    for section, name, bus, chips in (*adcs, *ios, *sensors):
        key = "address" if section == "collectors" else "addresses"
        for address in chips:
            owner = addresses.setdefault((bus, address), f"{section}.{name}")
            if owner != f"{section}.{name}" or chips.count(address) > 1:
                yield (section, name, key), f"address 0x{address:02x} of {bus} is {owner}'s already"
