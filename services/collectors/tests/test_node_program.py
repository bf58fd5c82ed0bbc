"""The program of a node, on MicroPython's unix port: by itself, and with a real broker, the hub and the collector."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Fault, Reading, decode
from picket_collectors.sources.nodes import KIND
from picket_mosquitto.files import access, users
from tests.servers.micropython import command
from tests.servers.mosquitto import ON_DISK, PROGRAM, Mosquitto
from tests.servers.mqtt import Observer
from tests.servers.release import Release
from tests.servers.waiting import wait_for

PROGRAMS = Path(__file__).parents[1] / "node"
PATIENCE_SECONDS = 90.0
INTERVAL_SECONDS = 2
SILENT = "nothing was heard of it for 15 s"
HEAP = "heapsize=128k"  # pointers are twice as long here: a Pico W has some 190 KB, an ESP32 more

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed (tests/prepare.sh does)"),
]


@pytest.fixture(scope="session")
def micropython() -> list[str]:
    found = command()
    if not found:
        pytest.skip("MicroPython can be had neither here nor from a mirror: the node's program is NOT tested")
    return found


class Board:
    """A board with the program of a node on it, which can be switched on and off."""

    def __init__(self, micropython: list[str], folder: Path, **settings: Any) -> None:
        self.folder = folder
        self._micropython = micropython
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(PROGRAMS, folder)
        (folder / "settings.json").write_text(json.dumps({"broker": "127.0.0.1", **settings}))

    def switch_on(self) -> None:
        """Run main.py."""
        with (self.folder / "console").open("ab") as console:
            self._process = subprocess.Popen(
                [*self._micropython, "-X", HEAP, "main.py"], cwd=self.folder, stdout=console, stderr=console
            )

    def switch_off(self) -> None:
        """Take its power away."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def send(self, number: int) -> None:
        """Signal the program: it hangs (SIGSTOP), goes on (SIGCONT), or ends by Ctrl-C (SIGINT)."""
        assert self._process
        self._process.send_signal(number)

    def console(self) -> str:
        """Return what it has printed."""
        with suppress(FileNotFoundError):
            return (self.folder / "console").read_text()
        return ""

    def dialled_in_vain(self, times: int) -> bool:
        """Tell whether it has tried so often to reach its broker."""
        return self.console().count("next try in") >= times


class House:
    """A broker, a hub and a collector, and boards."""

    def __init__(self, release: Release, broker: Mosquitto, boards: Callable[..., Board]) -> None:
        self.release, self.broker, self.board = release, broker, boards

    def readings(self) -> list[Reading]:
        """Return what the journal has of the shed."""
        entries = self.release.journal("reading.nodes_shed")
        return [reading for entry in entries if isinstance(reading := decode(entry.topic, entry.body), Reading)]

    def uptimes(self) -> list[float]:
        """Return the counts of seconds that it measured."""
        return [uptime for reading in self.readings() if (uptime := reading.values["uptime_seconds"]) is not None]

    def faults(self) -> list[tuple[str, str, str]]:
        """Return what the collector said is at fault, but for the probe that nobody hears again."""
        entries = self.release.journal("fault.collectors.nodes")
        faults = [decode(entry.topic, entry.body) for entry in entries]
        told = [(fault.subject, fault.state, fault.text) for fault in faults if isinstance(fault, Fault)]
        return [fault for fault in told if fault[0] != "probe"]

    def lines(self) -> list[str]:
        """Return what the collector logged for the shed, without times."""
        lines = self.release.log("nodes").splitlines()
        return [line.split(" ", 2)[2] for line in lines if " node.shed: " in line]


@pytest.fixture
def house(tmp_path: Path, micropython: list[str]) -> Iterator[House]:
    boards: list[Board] = []

    def board(**settings: Any) -> Board:
        settings = {"id": "shed", "port": release.mqtt_port, "interval_seconds": INTERVAL_SECONDS, **settings}
        boards.append(Board(micropython, tmp_path / f"board{len(boards)}", **settings))
        return boards[-1]

    nodes = {"kind": "nodes", "interval_seconds": 1, "nodes": ["shed"], "stale_after_seconds": 15}
    with Release(tmp_path, collectors={"nodes": nodes}) as release:
        broker = Mosquitto(tmp_path, release.mqtt_port, *ON_DISK)
        broker.start()
        release.start_hub()
        release.start("picket_collectors", "nodes", name="nodes")
        observer = Observer(release.mqtt_port)

        def listens() -> bool:
            observer.publish("node/probe/log", "do you hear me?")
            return "node.probe" in release.log("nodes")

        wait_for("the collector", listens, PATIENCE_SECONDS)
        observer.close()
        try:
            yield House(release, broker, board)
        finally:
            for one in boards:
                one.switch_off()
            broker.stop()


def test_a_node_is_born_measures_logs_dies_and_comes_back(house: House) -> None:
    board = house.board()
    observer = Observer(house.release.mqtt_port)

    board.switch_on()
    wait_for("readings", lambda: len(house.readings()) >= 3, PATIENCE_SECONDS)
    first = house.readings()[0]
    assert (first.kind, first.values["chip_temperature_c"]) == (KIND, None)
    assert (first.values["free_memory_bytes"] or 0) > 1000
    assert observer.wait("node/shed/status").text == "online"
    info = observer.wait("node/shed/info").json
    assert info["quantities"].keys() == first.values.keys()
    assert house.lines() == [f"INFO node.shed: {info['board']}, version 1.0", "INFO node.shed: starts"]
    assert house.faults() == []

    board.switch_off()
    wait_for("the will", lambda: house.faults() == [("shed", "begin", "offline")], PATIENCE_SECONDS)
    board.switch_on()
    wait_for("the birth", lambda: house.faults()[1:] == [("shed", "end", "works again")], PATIENCE_SECONDS)
    wait_for("a new count", lambda: any(b < a for a, b in pairwise(house.uptimes())), PATIENCE_SECONDS)
    observer.close()


def test_an_outage_of_the_broker_costs_no_reading(house: House) -> None:
    interval_seconds = 2 * INTERVAL_SECONDS
    board = house.board(interval_seconds=interval_seconds)
    board.switch_on()
    wait_for("readings", lambda: len(house.readings()) >= 2, PATIENCE_SECONDS)

    house.broker.stop()
    wait_for("tries", lambda: board.dialled_in_vain(3), PATIENCE_SECONDS)
    before = house.uptimes()[-1]
    house.broker.start()

    wait_for("what was kept", lambda: house.uptimes()[-1] > before + 4 * interval_seconds, PATIENCE_SECONDS)
    gaps = [after - before for before, after in pairwise(house.uptimes())]
    assert max(gaps) < 1.5 * interval_seconds
    begun_at = {round(reading.time_ns / 1e9 - (reading.values["uptime_seconds"] or 0)) for reading in house.readings()}
    assert max(begun_at) - min(begun_at) <= 2  # each bears the time at which it was measured
    assert {subject: state for subject, state, _ in house.faults()} == {"source": "end", "shed": "end"}


def test_what_there_is_no_room_for_is_dropped_and_said(house: House) -> None:
    board = house.board(interval_seconds=0.05)
    board.switch_on()
    wait_for("a reading", house.readings, PATIENCE_SECONDS)

    house.broker.stop()
    wait_for("tries", lambda: board.dialled_in_vain(4), PATIENCE_SECONDS)
    house.broker.start()

    wait_for("the news", lambda: any("dropped" in line for line in house.lines()), PATIENCE_SECONDS)
    assert re.search(r"WARNING node.shed: dropped \d+ readings: the broker was away for too long", str(house.lines()))


def test_a_second_start_of_the_collector_knows_a_node_that_died_meanwhile(house: House) -> None:
    board = house.board()
    board.switch_on()
    wait_for("a reading", house.readings, PATIENCE_SECONDS)

    house.release.kill("nodes")
    board.switch_off()
    house.release.start("picket_collectors", "nodes", name="nodes")

    wait_for("the will", lambda: ("shed", "begin", "offline") in house.faults(), PATIENCE_SECONDS)


def test_a_node_that_hangs_is_offline_until_it_goes_on(house: House) -> None:
    board = house.board()
    board.switch_on()
    wait_for("a reading", house.readings, PATIENCE_SECONDS)

    board.send(signal.SIGSTOP)
    wait_for("silence", lambda: house.faults()[:1] == [("shed", "begin", SILENT)], PATIENCE_SECONDS)
    wait_for("the will", lambda: "shed: offline" in house.release.log("nodes"), PATIENCE_SECONDS)
    board.send(signal.SIGCONT)

    wait_for("the birth", lambda: house.faults()[-1][1] == "end", PATIENCE_SECONDS)


def test_a_node_that_is_ended_by_hand_says_farewell(house: House) -> None:
    board = house.board()
    observer = Observer(house.release.mqtt_port)
    board.switch_on()
    wait_for("a reading", house.readings, PATIENCE_SECONDS)

    board.send(signal.SIGINT)

    observer.wait("node/shed/status", "offline")
    log = house.release.folder / "mosquitto.log"
    wait_for("the end", lambda: "Client shed disconnected." in log.read_text(), PATIENCE_SECONDS)
    observer.close()


def test_an_account_of_its_own_at_the_release_s_broker_is_all_that_a_node_needs(
    tmp_path: Path, micropython: list[str]
) -> None:
    broker = {"clients": {"shed": {"topics": ["node/shed/#"]}}}
    nodes = {"kind": "nodes", "interval_seconds": 1}
    with Release(tmp_path, collectors={"nodes": nodes}, broker=broker) as release:
        release.environment |= {
            "PICKET__MQTT__USERNAME": "device",
            "PICKET__MQTT__PASSWORD": "device-secret",
            "PICKET__BROKER__CLIENTS__SHED__PASSWORD": "node-secret",
        }
        (tmp_path / "users").write_text(users(release.config))
        (tmp_path / "access").write_text(access(release.config))
        doors = ["allow_anonymous false", f"password_file {tmp_path}/users", f"acl_file {tmp_path}/access"]
        mosquitto = Mosquitto(tmp_path, release.mqtt_port, *doors)
        mosquitto.start()
        release.start_hub()
        release.start("picket_collectors", "nodes", name="nodes")
        account = {"username": "shed", "password": "node-secret", "port": release.mqtt_port, "interval_seconds": 1}
        board = Board(micropython, tmp_path / "board", id="shed", **account)
        stranger = Board(micropython, tmp_path / "stranger", id="shed", **{**account, "password": "guessed"})
        board.switch_on()
        stranger.switch_on()
        try:
            wait_for("a reading", lambda: release.journal("reading.nodes_shed"), PATIENCE_SECONDS)
            wait_for("the refusal", lambda: "the broker refuses us, code 5" in stranger.console(), PATIENCE_SECONDS)
        finally:
            board.switch_off()
            stranger.switch_off()
            mosquitto.stop()


# By itself: what a script prints that is run with the program's modules beside it


def printed(micropython: list[str], script: str) -> list[str]:
    done = subprocess.run(
        [*micropython, "-c", script], cwd=PROGRAMS, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


HEAD = """
import time
import picket_node
from picket_node import Node
settings = {"id": "shed", "broker": "127.0.0.1", "port": 1, "interval_seconds": 0}
"""


def test_without_a_clock_only_the_newest_reading_waits(micropython: list[str]) -> None:
    script = """
count = 0
def measure():
    global count
    count += 1
    return count
node = Node(settings, [("rain_count", measure)], {}, network=lambda: False)
picket_node.utc_now = lambda: None
for _ in range(5):
    node.turn()
picket_node.utc_now = lambda: "2026-03-01T06:30:00Z"
node.turn()
for end, payload, timed in node._waiting:
    print(end, payload, timed)
"""
    lines = printed(micropython, HEAD + script)

    assert [json.loads(line.split(" ", 1)[1].rsplit(" ", 1)[0])["rain_count"] for line in lines] == [5, 6]
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["False", "True"]


def test_a_sensor_that_fails_is_said_once_and_takes_no_other_with_it(micropython: list[str]) -> None:
    script = """
answers = [21.5, OSError("no answer"), OSError("no answer"), float("nan"), float("inf"), True, 22]
def sensor():
    answer = answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer
node = Node(settings, [("temperature_c", sensor), ("open", lambda: 0)], {}, network=lambda: False)
picket_node.utc_now = lambda: "now"
for _ in range(7):
    node.turn()
for end, payload, timed in node._waiting:
    print(payload)
"""
    said = [json.loads(line) for line in printed(micropython, HEAD + script)]

    assert [one["temperature_c"] for one in said if "open" in one] == [21.5, None, None, None, None, 1, 22]
    assert [one["text"] for one in said if "text" in one] == [
        "temperature_c: OSError: no answer",
        "temperature_c: works again",
    ]


def test_a_watched_quantity_is_told_when_it_changes_and_the_watchdog_is_fed_meanwhile(micropython: list[str]) -> None:
    script = """
states = [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
fed = 0
def feed():
    global fed
    fed += 1
settings["interval_seconds"] = 3600
node = Node(settings, [("open", lambda: states.pop(0))], {}, ("open",), network=lambda: False, watchdog=feed)
while len(states) > 2:
    node.turn()
print(fed > 5, [eval(payload)["open"] for _, payload, _ in node._waiting])
"""
    assert printed(micropython, HEAD + script) == ["True [0, 1, 0]"]


def test_a_broker_that_is_away_is_dialled_ever_less_often(micropython: list[str]) -> None:
    script = """
node = Node(settings, [("open", lambda: 0)], {})
waits = []
for _ in range(9):
    node._lost(OSError("away"))
    waits.append(time.ticks_diff(node._dial_at, time.ticks_ms()) // 1000)
"""
    lines = printed(micropython, HEAD + script)

    waits = [int(re.findall(r"next try in (\d+) s", line)[0]) for line in lines]
    assert all(low <= wait <= low * 1.25 for wait, low in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True))


def test_a_network_that_goes_is_noticed_before_the_broker_is_missed(micropython: list[str]) -> None:
    script = """
class Broker:
    receive = lambda self, milliseconds: []
    publish = lambda self, topic, payload, number, retain: None
    close = lambda self: print("hangs up")
picket_node.NETWORK_SECONDS = 0
states = [True, True, False]
node = Node(settings, [("open", lambda: 0)], {}, network=lambda: states.pop(0))
node._connection = Broker()
while node._connection:
    node.turn()
"""
    lines = printed(micropython, HEAD + script)

    assert lines[0] == "hangs up"
    assert lines[1].startswith("broker: the network is away; next try in 1 s")
