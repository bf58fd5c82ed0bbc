"""Nodes: boards with an ESP32, a Pico or the like, which send what they measure over MQTT.

    <base>/<id>/status    online, offline                               retained; offline is the node's last will
    <base>/<id>/info      {"board": ..., "version": ..., "quantities": {...}}     retained; all of it optional
    <base>/<id>/reading   {"temperature_c": 21.5, "time": "2026-03-01T06:30:00Z"}
    <base>/<id>/log       {"level": "warning", "text": "..."} or plain text

What of a reading is not as it should be (node_messages.py) is refused, and said as a fault of the node; the rest
counts. `time` is believed when it is near enough: the clock of a board that was just switched on may say anything. An
empty `status` says that the node is gone for good.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, field

from picket.config.schema import Name, Section
from picket_collectors.log_lines import Line, LogLines, one_line, parse
from picket_collectors.mqtt import Message, Subscription
from picket_collectors.node_messages import (
    LONGEST_SHOWN,
    Quantities,
    Refusal,
    is_name,
    read_object,
    read_quantities,
    read_time,
    read_values,
    shown,
)
from picket_collectors.source import Part, Site, Values
from picket_collectors.units import Range, is_switch

KIND = "node"
RANGES: dict[str, Range] = {}  # each quantity's is its unit's, and its node's own

TOPICS = ("status", "info", "reading", "log")
RECEIVE_SECONDS = 1.0
MOST_NODES = 250  # bounds the memory only: the frame admits fewer, and says so
EARLIEST_SECONDS = 86_400.0
LATEST_SECONDS = 60.0

Say = Callable[[str, Line], None]


class Config(Section, frozen=True, tag="nodes", tag_field="kind"):
    """The nodes under a topic; those in `nodes` are missed, others are welcome: the broker's access list is the door.

    A node is at fault when nothing was heard of it for `stale_after_seconds`.
    """

    base_topic: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)] = "node"
    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 10
    nodes: list[Name] = field(default_factory=list)
    stale_after_seconds: Annotated[float, Meta(ge=5, le=604_800)] = 300


class Node:
    """What is known of one node."""

    def __init__(self, now: float) -> None:
        """Begin as if it had been heard."""
        self.heard_at = now
        self.quantities: Quantities = {}
        self.faults = dict.fromkeys(("status", "silence", "info", "reading"), "")
        self.about = ""
        self.log = LogLines()

    @property
    def fault(self) -> str:
        """Say what ails it, the worst first."""
        return next(filter(None, self.faults.values()), "")


class Nodes:
    """Makes parts of what nodes say, and lines of what they want logged. Time is an argument."""

    def __init__(self, config: Config, now: float, say: Say) -> None:
        """Expect the nodes of the configuration from now on; `say(node, line)` logs."""
        self._base = config.base_topic
        self._stale_after_seconds = config.stale_after_seconds
        self._say = say
        self._nodes = {name: Node(now) for name in config.nodes}
        self._strangers = LogLines()
        self.refused = self.clocks_refused = 0

    def hear(self, message: Message, now: float, wall_ns: int) -> list[Part]:
        """Take a message that came now."""
        name, _, what = message.topic.removeprefix(f"{self._base}/").partition("/")
        if what not in TOPICS:
            return []  # a session that the broker keeps goes on with an earlier base topic
        if message.retained and what in ("reading", "log"):
            return []  # nobody knows from when
        if what == "status" and not message.payload:
            return self._retire(name)
        if (node := self._node(name, now)) is None:
            return []
        node.heard_at = now
        node.faults["silence"] = ""
        before = node.fault
        match what:
            case "status":
                self._take_status(node, message)
                return [Part(name, KIND, fault=node.fault)]
            case "reading":
                return [self._take_reading(name, node, message, wall_ns)]
            case "info":
                self._take_info(name, node, message)
            case "log":
                self._log(name, node.log.take(parse(message.payload), now))
        return [Part(name, KIND, fault=node.fault)] if node.fault != before else []

    def due(self, now: float) -> list[Part]:
        """Return the nodes that have fallen silent, and log what was dropped of their lines."""
        silent = []
        for name, node in self._nodes.items():
            self._log(name, node.log.due(now))
            is_told = node.faults["status"] or node.faults["silence"]
            if not is_told and now - node.heard_at >= self._stale_after_seconds:
                node.faults["silence"] = f"nothing was heard of it for {self._stale_after_seconds:g} s"
                silent.append(Part(name, KIND, fault=node.fault))
        return silent

    def figures(self) -> Mapping[str, float]:
        """Count the nodes, and what is not taken of them."""
        return {
            "nodes": len(self._nodes),
            "refused": self.refused,
            "clocks_refused": self.clocks_refused,
            "log_lines_dropped": sum(node.log.dropped for node in self._nodes.values()),
        }

    def _node(self, name: str, now: float) -> Node | None:
        if name not in self._nodes:
            if not is_name(name):
                self.refused += 1
                text = f"{self._base}/{shown(name)}: expected a name (lower case letters, digits and _)"
                self._log("", self._strangers.take(Line(logging.WARNING, text), now))
                return None
            if len(self._nodes) >= MOST_NODES:
                return None
            self._nodes[name] = Node(now)
        return self._nodes[name]

    def _retire(self, name: str) -> list[Part]:
        return [Part(name, KIND)] if self._nodes.pop(name, None) else []

    def _take_status(self, node: Node, message: Message) -> None:
        match message.payload:
            case b"online":
                node.faults["status"] = ""
            case b"offline":
                node.faults["status"] = "offline"
            case other:
                self.refused += 1
                node.faults["status"] = f"{message.topic}: expected online or offline, got {shown(other)}"

    def _take_info(self, name: str, node: Node, message: Message) -> None:
        info, refusals = read_object(message.payload)
        node.quantities, more = read_quantities(info.get("quantities"))
        refusals += more
        self._note(node, "info", message.topic, refusals)
        board, version = (one_line(str(info.get(key, "?")), LONGEST_SHOWN) for key in ("board", "version"))
        about = f"{board}, version {version}"
        if not refusals and about != node.about:
            node.about = about
            self._log(name, [Line(logging.INFO, about)])

    def _take_reading(self, name: str, node: Node, message: Message, wall_ns: int) -> Part:
        node.faults["status"] = ""  # who measures is there, whatever an earlier will says
        reading, refusals = read_object(message.payload)
        measured_ns, more = read_time(reading.pop("time", None))
        refusals += more
        values: Values = {}
        if not refusals or reading:
            values, more = read_values(reading, node.quantities)
            refusals += more
        self._note(node, "reading", message.topic, refusals)
        if measured_ns and not wall_ns - EARLIEST_SECONDS * 1e9 <= measured_ns <= wall_ns + LATEST_SECONDS * 1e9:
            self.clocks_refused += 1
            measured_ns = 0
        switches = frozenset(filter(is_switch, values))
        return Part(name, KIND, values, node.fault, switches, measured_ns)

    def _note(self, node: Node, what: str, topic: str, refusals: Sequence[Refusal]) -> None:
        self.refused += len(refusals)
        others = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
        node.faults[what] = f"{topic}: {refusals[0]}{others}" if refusals else ""

    def _log(self, name: str, lines: Sequence[Line]) -> None:
        for line in lines:
            self._say(name, line)


class NodeStream:
    """Hears the nodes at the broker."""

    def __init__(self, nodes: Nodes, subscription: Subscription, site: Site) -> None:
        """Take over a subscription to their topics."""
        self._nodes = nodes
        self._subscription = subscription
        self._site = site

    def receive(self) -> Sequence[Part]:
        """Return what nodes said, and which have fallen silent."""
        return list(self._parts())

    def figures(self) -> Mapping[str, float]:
        """Count the nodes, and what is not taken of them."""
        return self._nodes.figures()

    def close(self) -> None:
        """Leave the broker."""
        self._subscription.close()

    def _parts(self) -> Iterator[Part]:
        for message in self._subscription.receive(RECEIVE_SECONDS):
            yield from self._nodes.hear(message, self._site.clock(), time.time_ns())
        yield from self._nodes.due(self._site.clock())


def say(node: str, line: Line) -> None:
    """Log a line of a node, or one about what is none."""
    logging.getLogger(f"node.{node}" if node else "nodes").log(line.level, "%s", line.text)


def open_stream(config: Config, site: Site) -> NodeStream:
    """Listen to the nodes; what they say while nobody listens is kept by the broker, if it can."""
    subscription = Subscription(site, [f"{config.base_topic}/+/{what}" for what in TOPICS], kept=True)
    return NodeStream(Nodes(config, site.clock(), say), subscription, site)
