"""The whole release, as a person runs it: recorded motion as volts in, MQTT out, commands to pins."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zmq

from picket.messages import Reading
from tests.servers.influxdb import InfluxDB
from tests.servers.mqtt import Observer
from tests.servers.release import Release
from tests.servers.waiting import wait_for
from tests.servers.whole import STOP_SECONDS, Whole

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SERVICES = [
    "hub",
    "gateway",
    "relay",
    "gpio-input",
    "automation",
    "recorder",
    "notifier",
    "collectors.host",
    "simulator",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    whole = Whole(tmp_path_factory.mktemp("release"))
    whole.start().close()
    yield whole
    whole.stop()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Whole]:
    """A release that a story starts and stops for itself."""
    whole = Whole(tmp_path)
    yield whole
    whole.stop()


@pytest.fixture
def observer(whole: Whole) -> Iterator[Observer]:
    observer = Observer(whole.mqtt_port)
    observer.wait("picket/demo/status", "online")
    yield observer
    observer.close()


def siren(number: str, seconds: float = 2, issued: timedelta = timedelta()) -> str:
    issued_at = (datetime.now(UTC) + issued).isoformat()
    return json.dumps({"state": "ON", "seconds": seconds, "id": number, "ttl_seconds": 60, "issued_at": issued_at})


def command(
    observer: Observer, number: str, payload: str, *, retain: bool = False, results: int = 1
) -> dict[str, object]:
    """Send a command to the siren and return the last of so many results with its id."""
    observer.publish("picket/demo/output/siren/set", payload, retain=retain)
    return wait_for(number, lambda: (r := observer.results("siren").get(number, [])) and len(r) >= results and r[-1])


def hall_ids(whole: Whole) -> set[str]:
    """Return the ids of the hall's motion in the journal."""
    return {event["id"] for event in whole.journal("event.input.hall") if event["zone"] == "alarm"}


def quiet(whole: Whole, observer: Observer) -> None:
    """Wait until the hall has come to rest after an earlier story; what the broker retains may be of before that."""
    wait_for("a quiet hall", lambda: whole.state("hall") == ("OFF", "normal"))
    off(observer, "light")
    observer.heard.clear()


def off(observer: Observer, output: str) -> None:
    """Wait until the last word on an output is that it is off."""
    topic = f"picket/demo/output/{output}/state"
    wait_for(f"{output} off", lambda: (said := observer.on(topic)) and said[-1].text == "OFF")


def times_lit(whole: Whole) -> int:
    """Count how often the light's pin went high."""
    return sum(level == "high" for _, level in whole.last_levels("light", 1000))


def test_a_walk_becomes_one_event_and_turns_the_light_on_for_five_seconds(whole: Whole, observer: Observer) -> None:
    quiet(whole, observer)

    whole.picket("simulate", "walk", "hall")
    observer.wait("picket/demo/output/light/state", "ON")
    observer.wait("picket/demo/output/light/state", "OFF")
    observer.wait("picket/demo/input/hall/state", "OFF")
    wait_for("the event's end", lambda: len(observer.on("picket/demo/event")) >= 2)

    (on_at, on_level), (off_at, off_level) = whole.last_levels("light", 2)
    assert (on_level, off_level) == ("high", "low")
    assert 4.9 < off_at - on_at < 15
    assert [m.text for m in observer.on("picket/demo/input/hall/state")] == ["ON", "OFF"]
    events = [m.json for m in observer.on("picket/demo/event")]
    assert [event["type"] for event in events] == ["new", "end"]
    assert len({event["id"] for event in events}) == 1
    assert "asked: 0.09 V s" in events[0]["why"]


def test_a_command_pulses_the_siren_and_gets_one_result(whole: Whole, observer: Observer) -> None:
    off(observer, "siren")

    result = command(observer, "a1", siren("a1"))
    observer.wait("picket/demo/output/siren/state", "ON")
    off(observer, "siren")

    (on_at, on_level), (off_at, off_level) = whole.last_levels("siren", 2)
    assert (result["accepted"], on_level, off_level) == (True, "high", "low")
    assert 1.9 < off_at - on_at < 5
    assert len(observer.results("siren")["a1"]) == 1


def test_commands_that_must_not_act_are_refused_and_say_why(observer: Observer) -> None:
    off(observer, "siren")
    first = siren("b1", seconds=0.2)
    command(observer, "b1", first)
    observer.wait("picket/demo/output/siren/state", "ON")
    off(observer, "siren")

    again = command(observer, "b1", first, results=2)
    stale = command(observer, "b2", siren("b2", issued=-timedelta(hours=1)))
    retained = command(observer, "b3", siren("b3"), retain=True)
    long = command(observer, "b4", siren("b4", seconds=9999))
    command(observer, "b5", json.dumps({"state": "OFF", "id": "b5"}))

    assert (again["accepted"], again["reason"]) == (False, "duplicate: this id was accepted already")
    assert (stale["accepted"], str(stale["reason"])[:5]) == (False, "stale")
    assert retained["accepted"] is False and "retained" in str(retained["reason"])
    assert (long["accepted"], str(long["reason"])) == (True, "cut to 10 s: max_on_seconds is 10")
    off(observer, "siren")


@pytest.mark.parametrize(
    "payload",
    [b"{", b'{"state": "LOUD"}', b'{"state": "ON", "volume": 11}', b"\xff\xfe\x00", b"x" * 1_000_000, b"[]", b"1e999"],
    ids=["no-json", "no-state", "unknown-key", "no-text", "a-megabyte", "a-list", "a-number"],
)
def test_rubbish_on_set_is_refused_and_harms_nothing(whole: Whole, observer: Observer, payload: bytes) -> None:
    before = len(observer.on("picket/demo/output/siren/result"))

    observer.publish("picket/demo/output/siren/set", payload)
    refused = wait_for("a result", lambda: observer.on("picket/demo/output/siren/result")[before:])[0].json

    assert (refused["accepted"], refused["state"]) == (False, "UNKNOWN") and refused["reason"]
    assert whole.pin("siren") == "low"


def test_with_the_broker_away_the_rule_works_and_events_arrive_later_once_with_their_times(whole: Whole) -> None:
    observer = Observer(whole.mqtt_port)
    observer.wait("picket/demo/status", "online")
    quiet(whole, observer)
    known, lit = hall_ids(whole), times_lit(whole)

    whole.supervisor("stop", "broker")
    before = datetime.now(UTC)
    whole.picket("simulate", "walk", "hall")
    wait_for("the light", lambda: times_lit(whole) > lit)
    after = datetime.now(UTC)
    wait_for("the walk's end", lambda: len(whole.journal("event.input.hall")) >= 2 * len(known) + 2)
    observer.heard.clear()
    whole.supervisor("start", "broker")

    wait_for("the events", lambda: len(observer.on("picket/demo/event")) >= 2)
    events = [m.json for m in observer.on("picket/demo/event")]
    observer.close()
    assert [event["type"] for event in events] == ["new", "end"]
    assert events[0]["id"] not in known
    assert before <= datetime.fromisoformat(events[0]["began_at"]) <= after


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_comes_back_and_no_accepted_event_is_lost(whole: Whole, service: str) -> None:
    observer = Observer(whole.mqtt_port)
    observer.wait("picket/demo/status", "online")
    quiet(whole, observer)
    before = hall_ids(whole)

    whole.picket("simulate", "walk", "hall")
    first = wait_for("the first walk", lambda: hall_ids(whole) - before)
    whole.kill(service)
    wait_for(
        "all to run",
        lambda: whole.supervisor("status").count("RUNNING") == len(whole.supervisor("status").splitlines()),
    )
    wait_for("a quiet hall", lambda: whole.state("hall") == ("OFF", "normal"))
    whole.picket("simulate", "walk", "hall")
    second = wait_for("the second walk", lambda: hall_ids(whole) - before - first)

    def new_on_mqtt() -> list[str]:
        return [m.json["id"] for m in observer.on("picket/demo/event") if m.json["type"] == "new"]

    wait_for("both walks on MQTT", lambda: first | second <= set(new_on_mqtt()))
    observer.close()
    assert len(new_on_mqtt()) == len(set(new_on_mqtt()))


def test_rubbish_on_the_hubs_ports_harms_nothing(whole: Whole, observer: Observer) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for name in ("PICKET__HUB__INGEST_PORT", "PICKET__HUB__LIVE_PORT", "PICKET__HUB__REQUEST_PORT"):
        port = int(whole.environment[name])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(os.urandom(100_000))
        with context.socket(zmq.DEALER) as dealer, suppress(zmq.Again):  # the live port's refuses it, sooner or later
            dealer.linger = 500
            dealer.connect(f"tcp://127.0.0.1:{port}")
            for size in (0, 1, 16, 70_000):
                dealer.send_multipart([os.urandom(size)] * 4, zmq.NOBLOCK)
    context.term()

    result = command(observer, "r1", siren("r1", seconds=0.2))

    assert result["accepted"] is True
    assert "RUNNING" in whole.supervisor("status", "hub")


def test_doctor_finds_all_well(whole: Whole) -> None:
    observer = Observer(whole.mqtt_port)

    def healthy() -> bool:
        beats = observer.on("picket/demo/heartbeat")
        return bool(beats) and {one["state"] for one in beats[-1].json["services"].values()} == {"ok"}

    wait_for(
        "every service's health, after what the stories before have killed",
        healthy,
        300,
        tail=lambda: str(observer.on("picket/demo/heartbeat")[-1:]),
    )
    observer.close()

    report = whole.picket("doctor")

    assert "BAD" not in report
    assert "MCP23017 0x20" in report


def test_a_truncated_journal_is_set_aside_and_the_release_goes_on(lone: Whole) -> None:
    data = lone.folder / "var"
    data.mkdir()
    (data / "journal.sqlite").write_bytes(b"SQLite format 3\0" + os.urandom(5000))

    observer = lone.start()
    lone.picket("simulate", "walk", "hall")
    observer.wait("picket/demo/event")
    observer.close()

    assert list(data.glob("journal.sqlite.broken-*"))


def test_sigterm_turns_outputs_off_says_offline_and_leaves_no_process(lone: Whole) -> None:
    observer = lone.start()
    pids = [lone.pid(service) for service in SERVICES]
    command(observer, "t1", siren("t1", seconds=9))
    observer.wait("picket/demo/output/siren/state", "ON")

    code = lone.stop()

    off(observer, "siren")
    observer.wait("picket/demo/status", "offline")
    observer.close()
    assert code == 0
    assert all(not Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("channel: 1", "chanel: 1", "config/picket.yaml:16: inputs.hall.chanel: unknown key"),
        ("device: demo", "device: [", "config/picket.yaml:"),
    ],
    ids=["unknown-key", "no-yaml"],
)
def test_a_broken_configuration_starts_nothing_and_says_where(tmp_path: Path, old: str, new: str, message: str) -> None:
    whole = Whole(tmp_path)
    file = tmp_path / "config" / "picket.yaml"
    file.write_text(file.read_text().replace(old, new, 1))

    done = whole.run("run")

    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    whole = Whole(tmp_path)
    with socket.create_server(("127.0.0.1", whole.mqtt_port)):
        done = whole.run("run")

    assert done.returncode != 0
    assert done.stderr.splitlines() == [
        f"picket run: port {whole.mqtt_port} (MQTT) is taken: set MQTT_PORT, "
        "or use the broker there with MQTT_HOST=127.0.0.1"
    ]


def test_an_interrupt_stops_it_like_ctrl_c(lone: Whole) -> None:
    lone.start().close()
    assert lone.process

    lone.process.send_signal(signal.SIGINT)

    assert lone.process.wait(STOP_SECONDS) == 0


def test_events_and_readings_are_in_influxdb_once_after_it_was_away(tmp_path: Path) -> None:
    (tmp_path / "database").mkdir()
    with InfluxDB(tmp_path / "database") as database:
        database.stop()
        whole = Whole(tmp_path, INFLUX_URL=database.url, INFLUX_TOKEN=database.token)
        observer = whole.start()
        try:
            whole.picket("simulate", "walk", "hall")
            wait_for("the walk's end", lambda: len(whole.journal("event.input.hall")) == 2)
            events = whole.journal("event.input.hall")

            database.start()
            wait_for("the events", lambda: len(database.query('SELECT * FROM "input"')) == 2, 90)
            rows = database.query('SELECT * FROM "input"')
            times = [reading["time_ns"] // 1000 for reading in whole.journal("reading.host")]
            wait_for("the readings", lambda: len(database.query('SELECT "load_1m" FROM "host"')) >= len(times))
        finally:
            observer.close()
            whole.stop()
        readings = [row["time"] // 1000 for row in database.query('SELECT "load_1m" FROM "host"')]

    assert sorted(row["time"] // 1000 for row in rows) == [event["time_ns"] // 1000 for event in events]
    assert len(readings) == len(set(readings)) and set(times) <= set(readings)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_degrades_says_so_loses_no_accepted_message_and_heals(tmp_path: Path, small_disk: Path) -> None:
    release = Release(tmp_path, data_dir=str(small_disk))
    try:
        release.start_hub()
        producer = release.producer("p")
        ballast = small_disk / "ballast"
        with suppress(OSError):
            ballast.write_bytes(b"x" * 2_000_000)
        with release.hearing("fault.hub", "reading.", "health.hub") as heard:
            wait_for("the hub's health, live", heard)
            wait_for("a way to the hub", lambda: producer.socket.poll(50, zmq.POLLOUT))
            for number in range(500):
                values = {"n": float(number)} | {f"filling_{n}": 0.1 for n in range(50)}
                producer.publish("reading.air", Reading(time_ns=number, source="air", kind="air", values=values))
            wait_for("the fault", lambda: [topic for topic, _ in heard() if topic == "fault.hub"])
            wait_for("the live messages", lambda: sum(topic == "reading.air" for topic, _ in heard()) == 500)
            assert producer.pending

        ballast.unlink()
        wait_for("the commits", lambda: producer.tick() or producer.pending == 0)
        stored = [json.loads(entry.body)["values"]["n"] for entry in release.journal("reading.")]
    finally:
        release.close()

    assert stored == sorted(set(stored)) and stored[-1] == 499
