"""Nodes: what they say becomes readings, faults and lines of the log, whatever they say."""

import json
import logging
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from picket.health import HealthBeat
from picket.messages import Fault, Message, Reading
from picket_collectors.collector import Collector
from picket_collectors.log_lines import BURST, Line
from picket_collectors.mqtt import Message as Heard
from picket_collectors.outcome import Measured
from picket_collectors.sources import nodes as source
from picket_collectors.sources.nodes import MOST_NODES, Config, Nodes

CASES = sorted((Path(__file__).parent / "golden" / "nodes").iterdir())


class House:
    """Nodes and the collector that publishes them; what comes of it is told as lines."""

    pending = dropped = 0

    def __init__(self, config: Config, begin: datetime) -> None:
        self.told: list[str] = []
        self.begin = begin
        self.second = 0
        self.nodes = Nodes(config, 0.0, self._say)
        health = HealthBeat("collectors.nodes", self)  # type: ignore[arg-type]
        self.collector = Collector("nodes", source.RANGES, self, health)  # type: ignore[arg-type]

    def hear(self, topic: str, payload: bytes, retained: bool = False) -> None:
        """Let a message come now."""
        self._take(self.nodes.hear(Heard(topic, payload, retained), self.second, self._wall_ns()))

    def until(self, second: int) -> None:
        """Let time pass."""
        while self.second < second:
            self.second += 1
            self._take(self.nodes.due(self.second))

    def publish(self, topic: str, message: Message) -> None:
        """Take the place of the bus."""
        match message:
            case Reading():
                age = round((self._wall_ns() - message.time_ns) / 1e9, 3)
                self._tell(f"{topic} {json.dumps(message.values)}" + (f" {age:g} s old" if age else ""))
            case Fault():
                self._tell(f"fault {message.state} {message.subject}: {message.text}")

    def _say(self, node: str, line: Line) -> None:
        self._tell(f"log {node or '-'} {logging.getLevelName(line.level)} {line.text}")

    def _take(self, parts: list[Any]) -> None:
        self.collector.take(Measured(self._wall_ns(), parts, {}, 0.0), self.second)

    def _tell(self, text: str) -> None:
        self.told.append(f"{self.second} {text}")

    def _wall_ns(self) -> int:
        return (int(self.begin.timestamp()) + self.second) * 1_000_000_000


def house(begin: str = "2026-03-01T06:30:00Z", **settings: Any) -> House:
    return House(Config(**settings), datetime.fromisoformat(begin))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_nodes_say_becomes_readings_faults_and_lines(case: Path) -> None:
    settings = case / "config.json"
    played = house(**json.loads(settings.read_text(encoding="utf-8"))) if settings.exists() else house()

    for line in (case / "messages").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        second, _, message = line.partition(" ")
        played.until(int(second))
        if message:
            retained = message.startswith("r ")
            topic, _, payload = message.removeprefix("r ").partition(" ")
            played.hear(topic, payload.encode(), retained)

    assert played.told == (case / "expected").read_text(encoding="utf-8").splitlines()


def test_what_a_kept_session_still_hears_of_an_earlier_base_topic_is_no_node() -> None:
    played = house(base_topic="house/node")

    for topic in ("node/shed/status", "node/shed/reading"):
        played.hear(topic, b'{"temperature_c": 21}')
    played.until(400)

    assert played.told == []
    assert played.nodes.figures()["nodes"] == 0


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        pytest.param(b"garbage", "expected a JSON object, got garbage", id="garbage"),
        pytest.param(b"\xff\x00\x1b[2J", r"expected a JSON object, got \xff\x00\x1b[2J", id="bytes"),
        pytest.param(b"", "expected a JSON object, got ", id="nothing"),
        pytest.param(b"[" * 5000, f"expected a JSON object, got {'[' * 37}...", id="nested-without-end"),
        pytest.param(b"x" * 8193, "expected 8192 bytes at most, got 8193", id="endless"),
        pytest.param(b"{}", "expected 1 to 32 quantities, got 0", id="empty"),
        pytest.param(
            json.dumps({f"q{n}_c": 1 for n in range(33)}).encode(),
            "expected 1 to 32 quantities, got 33",
            id="too-many",
        ),
        pytest.param(b'{"open": true}', "open: expected a number or null, got true", id="boolean"),
        pytest.param(b'{"open": 2}', "open: expected 0 or 1, got 2", id="no-switch"),
        pytest.param(b'{"t_c": NaN}', "t_c: expected -200 to 1400, got nan", id="nan"),
        pytest.param(b'{"t_c": -Infinity}', "t_c: expected -200 to 1400, got -inf", id="infinity"),
        pytest.param(b'{"t_c": [1]}', "t_c: expected a number or null, got [1]", id="nested"),
        pytest.param(b'{"t_c": "1\\n2"}', r't_c: expected a number or null, got "1\n2"', id="string"),
        pytest.param(b'{"t_k": 1}', "t_k: expected a name that ends with its unit, as temperature_c", id="unit"),
        pytest.param(
            b'{"\\u001b_c": 1}', r"\x1b_c: expected a name that ends with its unit, as temperature_c", id="hostile-key"
        ),
        pytest.param(
            b'{"a_c": "x", "b_c": "y", "c_c": "z"}',
            'a_c: expected a number or null, got "x", and 2 more',
            id="several",
        ),
    ],
)
def test_what_is_refused_is_said_with_its_topic_and_what_was_expected(payload: bytes, fault: str) -> None:
    played = house()

    played.hear("node/shed/reading", payload)

    assert played.told == [f"0 fault begin shed: node/shed/reading: {fault}"]
    assert played.nodes.figures()["refused"] >= 1


def test_whatever_comes_nothing_breaks_and_every_line_is_one() -> None:
    chance, played = random.Random(8), house()
    seeds = [b'{"temperature_c": 21.5, "time": "2026-03-01T06:30:00Z"}', b'{"level": "info", "text": "hello"}', b""]
    topics = [f"node/shed/{what}" for what in ("status", "info", "reading", "log")]

    for second in range(2000):
        played.until(second // 10)
        seed = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(8)):
            seed.insert(chance.randrange(len(seed) + 1), chance.choice(b'{}[]",:\\\n\x1b\xff\xc3\x00e9-'))
        played.hear(chance.choice(topics), bytes(seed), chance.random() < 0.1)

    assert all(line.isprintable() for line in played.told)


def test_a_flood_of_lines_is_thinned_and_what_was_dropped_is_said_once_when_it_is_over() -> None:
    played = house()

    for second in range(60):
        played.until(second)
        for number in range(10):
            played.hear("node/shed/log", f"line {number} of second {second}".encode())
    played.hear("node/gate/log", b"another node is heard all the same")
    played.until(120)

    shed = [line for line in played.told if " log shed " in line]
    assert len(shed) == BURST + 59 + 1
    assert shed[-1] == "69 log shed WARNING dropped 521 lines"
    assert "59 log gate INFO another node is heard all the same" in played.told
    assert played.nodes.figures()["log_lines_dropped"] == 521


def test_a_chatty_node_that_keeps_to_a_line_a_second_loses_none() -> None:
    played = house()

    for second in range(300):
        played.until(second)
        played.hear("node/shed/log", b"tick")

    assert len(played.told) == 300


def test_a_line_that_is_too_long_is_cut_and_marked() -> None:
    played = house()

    for payload in (b"x" * 100_000, b"\x00" * 600, json.dumps({"text": "y" * 501}).encode(), b"z" * 500):
        played.hear("node/shed/log", payload)

    texts = [line.removeprefix("0 log shed INFO ") for line in played.told]
    assert [len(text) for text in texts] == [500] * 4
    assert texts[0] == "x" * 497 + "..."
    assert texts[1].endswith("\\...")
    assert texts[2] == "y" * 497 + "..."
    assert texts[3] == "z" * 500


def test_names_without_end_fill_no_memory() -> None:
    played = house()

    for number in range(MOST_NODES + 100):
        played.hear(f"node/n{number}/status", b"online")
        played.hear(f"node/N{number}/status", b"online")

    assert played.nodes.figures()["nodes"] == MOST_NODES
    assert len(played.told) <= BURST + 2


def test_a_switch_is_known_as_one_so_that_its_change_is_published_at_once() -> None:
    nodes = Nodes(Config(), 0.0, lambda *_: None)

    (part,) = nodes.hear(Heard("node/gate/reading", b'{"gate_open": 1, "battery_percent": 80}', False), 0.0, 0)

    assert part.switches == {"gate_open"}


def test_who_falls_silent_while_a_value_of_it_is_refused_is_silent_above_all() -> None:
    nodes = Nodes(Config(), 0.0, lambda *_: None)
    nodes.hear(Heard("node/shed/reading", b"garbage", False), 0.0, 0)

    silent = [nodes.due(now) for now in (299.0, 300.0, 301.0)]
    (heard,) = nodes.hear(Heard("node/shed/reading", b"garbage", False), 400.0, 0)

    assert [[part.fault for part in parts] for parts in silent] == [[], ["nothing was heard of it for 300 s"], []]
    assert heard.fault == "node/shed/reading: expected a JSON object, got garbage"
