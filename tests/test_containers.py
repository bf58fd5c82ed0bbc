"""The whole release in containers, from outside: what balena starts, with simulated chips."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from base.images.build import build
from base.images.debian import mirror
from tests.servers import engine
from tests.servers.containers import Containers, arguments, docker
from tests.servers.mqtt import Observer
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for
from tests.servers.whole import START_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

ROOT = Path(__file__).parent.parent
SERVICES = ["automation", "collectors", "gateway", "gpio-input", "hub", "mosquitto", "notifier", "recorder", "relay"]
NOBODY_IS_ROOT = "Uid:\t8300\t8300\t8300\t8300"
BOX = ["--read-only", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/data", "--cap-drop", "ALL"]
HANDS_OVER = [word for name in ("CHOWN", "FOWNER", "SETGID", "SETUID") for word in ("--cap-add", name)]
PRINTS_WHAT_COMES = """
import socketserver
class Prints(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: print(line.decode(), end="", flush=True)
socketserver.TCPServer(("", 5514), Prints).serve_forever()
"""


@pytest.fixture(scope="module")
def release(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:  # noqa: ARG001
    with Containers(tmp_path_factory.mktemp("containers"), "picket-test") as release:
        release.start().close()
        yield release


@pytest.fixture
def observer(release: Containers) -> Iterator[Observer]:
    observer = release.observer()
    observer.wait("picket/demo/status", "online")
    yield observer
    observer.close()


def siren(number: str, seconds: float = 2, issued: timedelta = timedelta()) -> str:
    issued_at = (datetime.now(UTC) + issued).isoformat()
    return json.dumps({"state": "ON", "seconds": seconds, "id": number, "ttl_seconds": 60, "issued_at": issued_at})


def command(observer: Observer, number: str, payload: str) -> dict[str, object]:
    """Send a command to the siren and return its result."""
    observer.publish("picket/demo/output/siren/set", payload)
    return wait_for(number, lambda: (found := observer.results("siren").get(number)) and found[-1])


def walk(release: Containers, observer: Observer) -> str:
    """Let somebody walk through the quiet hall and return the id of the event that came of it."""
    wait_for("a quiet hall", lambda: (said := release.journal("input.state.hall")) and said[-1]["motion"] == "OFF")
    off(observer, "light")
    observer.heard.clear()
    release.simulate("walk", "hall")
    return str(observer.wait("picket/demo/event").json["id"])


def off(observer: Observer, output: str) -> None:
    """Wait until the last word on an output is that it is off."""
    topic = f"picket/demo/output/{output}/state"
    wait_for(f"{output} off", lambda: (said := observer.on(topic)) and said[-1].text == "OFF")


def times_lit(release: Containers) -> int:
    """Count how often the light's pin went high."""
    return sum(level == "high" for _, level in release.last_levels("light", 1000))


@contextmanager
def running(*words: str) -> Iterator[str]:
    """Run a container, and leave nothing of it behind."""
    held = docker("run", "--detach", *words).strip()
    try:
        yield held
    finally:
        docker("rm", "--force", held)


def test_the_images_share_all_layers_but_the_services_own(images: dict[str, str]) -> None:
    layers = {
        name: json.loads(docker("image", "inspect", image))[0]["RootFS"]["Layers"] for name, image in images.items()
    }
    layers.pop("simulator")

    assert len({tuple(own[:-1]) for own in layers.values()}) == 1
    assert len({own[-1] for own in layers.values()}) == len(layers)


def test_a_build_without_any_cache_makes_the_same_image(images: dict[str, str]) -> None:
    assert build("hub", arguments(), cache=False) == images["hub"]


def test_an_image_says_nothing_of_the_machine_that_built_it(images: dict[str, str]) -> None:
    words = {str(ROOT), *mirror().split("/")[2:3]}
    patterns = " ".join(f"-e '{word}'" for word in words)
    look = f"grep -rlF {patterns} /etc /opt /usr/lib /var --exclude-dir apt --exclude hostname --exclude hosts || true"

    assert docker("run", "--rm", "--entrypoint", "sh", images["hub"], "-c", look) == ""
    config = docker("image", "inspect", "--format", "{{json .Config}}", images["hub"])
    assert not [word for word in words if word in config]


def test_an_image_holds_what_runs_on_a_device_and_no_tools(images: dict[str, str]) -> None:
    look = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"

    names = docker("run", "--rm", "--entrypoint", "python3", images["gateway"], "-c", look).split()

    assert {"picket", "picket-base", "picket-gateway", "paho-mqtt", "supervisor"} <= set(names)
    assert not {"pytest", "mypy", "pip", "setuptools", "amqtt", "picket-simulator", "picket-hub"} & set(names)


def test_a_walk_becomes_one_event_and_turns_the_light_on_for_five_seconds(
    release: Containers, observer: Observer
) -> None:
    walk(release, observer)
    observer.wait("picket/demo/output/light/state", "ON")
    off(observer, "light")
    observer.wait("picket/demo/event", count=2)

    (on_at, on_level), (off_at, off_level) = release.last_levels("light", 2)
    assert (on_level, off_level) == ("high", "low")
    assert 4.9 < off_at - on_at < 15
    assert {event.json["type"] for event in observer.on("picket/demo/event")} == {"new", "end"}


def test_a_command_pulses_the_siren_and_a_stale_one_is_refused(release: Containers, observer: Observer) -> None:
    off(observer, "siren")

    result = command(observer, "a1", siren("a1"))
    observer.wait("picket/demo/output/siren/state", "ON")
    off(observer, "siren")
    stale = command(observer, "a2", siren("a2", issued=-timedelta(hours=1)))

    levels = [level for _, level in release.last_levels("siren", 2)]
    assert (result["accepted"], levels) == (True, ["high", "low"])
    assert (stale["accepted"], str(stale["reason"])[:5]) == (False, "stale")


def test_with_the_broker_away_the_rule_works_and_events_arrive_later(release: Containers) -> None:
    observer = release.observer()
    off(observer, "light")
    known, lit = len(release.journal("event.input.hall")), times_lit(release)
    started = {name: release.state(name)["State"]["StartedAt"] for name in SERVICES}

    docker("stop", release.container("mosquitto"))
    release.simulate("walk", "hall")
    wait_for("the light", lambda: times_lit(release) > lit)
    wait_for("the walk's end", lambda: len(release.journal("event.input.hall")) >= known + 2)
    observer.heard.clear()
    docker("start", release.container("mosquitto"))

    wait_for("the events", lambda: len(observer.on("picket/demo/event")) >= 2)
    observer.close()
    assert [message.json["type"] for message in observer.on("picket/demo/event")] == ["new", "end"]
    restarted = {name for name in SERVICES if release.state(name)["State"]["StartedAt"] != started[name]}
    assert restarted == {"mosquitto"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dies_is_back_and_at_work(release: Containers, service: str) -> None:
    release.kill(service)
    observer = release.observer()
    observer.wait("picket/demo/status", "online")

    def healthy() -> bool:
        beats = observer.on("picket/demo/heartbeat")
        states = {name: one["state"] for name, one in beats[-1].json["services"].items()} if beats else {}
        return len(states) >= 8 and set(states.values()) == {"ok"}

    wait_for("every service's health", healthy, 180)
    result = command(observer, f"after-{service}", siren(f"after-{service}", seconds=0.2))
    observer.close()

    assert result["accepted"] is True


def test_sensors_that_are_pulled_out_are_named_and_their_containers_run_on(release: Containers) -> None:
    theirs = ("collectors", "collectors-usb")
    started = [release.state(container)["State"]["StartedAt"] for container in theirs]
    for sensor in ("air", "bathroom"):
        release.simulate("fault", "unplug", sensor)

    bad = wait_for("the two that are at fault", lambda: (found := bad_news(release)) and len(found) == 2 and found, 180)

    for sensor in ("air", "bathroom"):
        release.simulate("fault", "clear", sensor)
    wait_for("all that is well again", lambda: bad_news(release) == [], 180)
    assert [line.split()[1] for line in bad] == ["collectors.air", "collectors.bathroom"]
    assert [release.state(container)["State"]["StartedAt"] for container in theirs] == started


def test_nobody_is_root_or_could_become_it_and_the_root_is_read_only(release: Containers) -> None:
    for service in release.services:
        status = Path(f"/proc/{release.pid(service)}/status").read_text()
        assert NOBODY_IS_ROOT in status, service
        assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, service
        refused = subprocess.run(
            ["docker", "exec", release.container(service), "touch", "/opt/x"], capture_output=True, check=False
        )
        assert b"Read-only file system" in refused.stderr, service


def test_the_broker_lets_nobody_in_without_a_password_and_the_hub_is_not_to_be_reached(release: Containers) -> None:
    publish = ["mosquitto_pub", "-p", str(release.mqtt_port), "-t", "picket/demo/output/siren/set", "-m", "ON"]

    anonymous = subprocess.run(publish, capture_output=True, text=True, check=False)
    wrong = subprocess.run([*publish, "-u", "home", "-P", "x"], capture_output=True, text=True, check=False)
    published = {name: release.state(name)["NetworkSettings"]["Ports"] for name in release.services}

    assert "ot authori" in anonymous.stderr and "ot authori" in wrong.stderr
    assert [name for name, ports in published.items() if ports] == ["mosquitto"]


def doctor(release: Containers, service: str = "gateway") -> list[str]:
    """Return what `picket doctor` says within a container, line by line."""
    return docker("exec", release.container(service), "sh", "-c", "picket doctor || true").splitlines()


def bad_news(release: Containers) -> list[str]:
    """Return what it finds fault with; the demonstration's plugs want python-kasa, an extra that these images lack."""
    return [line for line in doctor(release) if line.startswith("BAD") and "collectors.power" not in line]


def test_doctor_finds_all_well_within_any_container(release: Containers) -> None:
    wait_for("a house without faults", lambda: bad_news(release) == [], 180)

    for service in ("gateway", "hub", "collectors-usb"):
        assert "ok   broker                 the gateway is connected" in doctor(release, service), service


def test_volumes_outlive_the_containers(release: Containers, observer: Observer) -> None:
    event = walk(release, observer)
    key = release.execute("mosquitto", "cat", "/broker-key/password")

    release.compose("down", "--timeout", "10")
    release.start().close()

    assert event in {entry["id"] for entry in release.journal("event.input.hall")}
    assert release.execute("gateway", "cat", "/broker-key/password") == key


def test_a_restarted_engine_brings_the_release_back(release: Containers, own_engine: engine.Engine | None) -> None:
    if own_engine is None:
        pytest.skip("the engine is not this session's: it is not restarted")
    own_engine.stop()
    own_engine.start()

    observer = release.observer()
    wait_for("the relay", lambda: release.obeys(observer), START_SECONDS)
    walk(release, observer)
    observer.close()


def test_sigterm_turns_outputs_off_says_offline_and_takes_less_than_ten_seconds(release: Containers) -> None:
    observer = release.observer()
    wait_for("the relay", lambda: release.obeys(observer), START_SECONDS)
    command(observer, "t1", siren("t1", seconds=9))
    observer.wait("picket/demo/output/siren/state", "ON")

    stopped = ["relay", "gateway", *sorted(set(release.services) - {"relay", "gateway", "mosquitto", "hub"}), "hub"]
    for service in stopped:
        docker("stop", "--time", "10", release.container(service))  # who takes longer is killed, and not with code 0

    off(observer, "siren")
    observer.wait("picket/demo/status", "offline")
    observer.close()
    assert release.pin("siren") == "low"
    assert {s: release.state(s)["State"]["ExitCode"] for s in stopped} == dict.fromkeys(stopped, 0)


def test_no_start_holds_and_stops_at_once(images: dict[str, str]) -> None:
    with running(*BOX, *HANDS_OVER, "--env", "NO_START=1", images["hub"]) as held:
        wait_for("the hold", lambda: "rests: NO_START is set" in docker("logs", held))

        began = time.monotonic()
        docker("stop", "--time", "60", held)

        took = time.monotonic() - began
        code = json.loads(docker("inspect", held))[0]["State"]["ExitCode"]
    assert (code, took < 20) == (0, True)


def test_a_bad_configuration_ends_the_container_with_a_line_each(images: dict[str, str]) -> None:
    variables = ["--env", "PICKET__HUB__INGEST_PORT=x", "--env", "PICKET__SIREN=1"]

    done = subprocess.run(
        ["docker", "run", "--rm", *BOX, *HANDS_OVER, *variables, images["hub"]],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "PICKET__HUB__INGEST_PORT: hub.ingest_port: expected int" in done.stdout
    assert "PICKET__SIREN: siren: unknown key" in done.stdout and "Traceback" not in done.stdout + done.stderr


def test_where_logs_are_forwarded_a_server_hears_of_the_lost_broker(images: dict[str, str]) -> None:
    variables = [word for one in ("RSYSLOG_SERVER=logs:5514", "MQTT_HOST=127.0.0.1") for word in ("--env", one)]
    with ExitStack() as closing:
        network = docker("network", "create", f"picket-test-logs-{os.getpid()}").strip()
        closing.callback(docker, "network", "rm", network)
        listens = ("--network-alias", "logs", "--entrypoint", "python3", images["hub"], "-c", PRINTS_WHAT_COMES)
        server = closing.enter_context(running("--network", network, *listens))
        gateway = closing.enter_context(running("--network", network, *BOX, *HANDS_OVER, *variables, images["gateway"]))

        rows = wait_for("the line", lambda: [row for row in docker("logs", server).splitlines() if "broker" in row])

        docker("stop", "--time", "10", gateway)
        code = json.loads(docker("inspect", gateway))[0]["State"]["ExitCode"]
    line = rows[0]
    assert " demo gateway " in line and "127.0.0.1:1883" in line
    assert code == 0


def test_a_bus_is_handed_to_the_services_user_in_the_container_alone(images: dict[str, str]) -> None:
    # Any node does: whose it is on the host differs between hosts.
    with running(*BOX, *HANDS_OVER, "--device", "/dev/zero:/dev/i2c-1", images["relay"]) as held:
        owner = wait_for(
            "the hand-over", lambda: (u := docker("exec", held, "stat", "-c", "%u", "/dev/i2c-1").strip()) != "0" and u
        )
    assert (owner, Path("/dev/zero").stat().st_uid) == ("8300", 0)


def test_with_the_right_to_mount_the_kernels_own_view_of_the_devices_is_there_and_nobody_is_root(
    images: dict[str, str],
) -> None:
    # `privileged` gives this right and more; not every engine that tests run on may give all of it.
    given = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"]
    given += ["--env", "PICKET_SERVICE=collectors-usb"]
    with running(*BOX, *HANDS_OVER, *given, images["collectors"]) as held:
        wait_for("the collector", lambda: "picket_collectors" in docker("top", held))
        seen = docker("exec", held, "ls", "/dev")
        pid = json.loads(docker("inspect", held))[0]["State"]["Pid"]
        status = Path(f"/proc/{pid}/status").read_text()
    assert "kmsg" in seen and "kmsg" not in docker("run", "--rm", "--entrypoint", "ls", images["hub"], "/dev")
    assert NOBODY_IS_ROOT in status and "CapEff:\t0000000000000000" in status


def test_an_address_to_test_is_said_and_holds_nothing_up(images: dict[str, str]) -> None:
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    with running(*BOX, *HANDS_OVER, "--env", f"TEST_ON_START_ADDRESS={address}", images["hub"]) as held:
        wait_for("the line", lambda: f"{address} can't be reached: Connection refused" in docker("logs", held))
        wait_for("the hub", lambda: "picket_hub" in docker("top", held))
