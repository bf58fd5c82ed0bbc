"""The gateway as a process, between the real hub and a real broker."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from picket.messages import InputEvent, InputState, OutputState, Reading, ThresholdEvent
from picket_gateway.heartbeat import Heartbeat
from services.gateway.tests.stage import Observer, Site
from tests.servers.mosquitto import PROGRAM
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed")]


@pytest.fixture
def connected(site: Site) -> Observer:
    """Start broker and gateway, until both hub and broker know it; the value listens at the broker."""
    site.broker.start()
    observer = site.observe()
    site.start_gateway()
    wait_for("the birth", lambda: observer.last("status") == b"online")
    wait_for("its way to the hub", lambda: "gateway" in site.release.consumers())
    return observer


def event(number: int = 1) -> tuple[str, InputEvent]:
    message = InputEvent(
        time_ns=time.time_ns(),
        id=f"e{number}",
        type="new",
        input="hall",
        zone="alarm",
        began_at=datetime.now(UTC),
        why="one pulse",
    )
    return "event.input.hall", message


@contextmanager
def held(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let a process stand still."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def journalled(site: Site, topic: str = "event.input.") -> list[bytes]:
    return [entry.body for entry in site.release.journal(topic)]


def test_birth_and_a_clean_stop(site: Site, connected: Observer) -> None:
    wait_for("info", lambda: connected.last("info"))
    began = time.monotonic()

    assert site.release.kill("picket_gateway", signal.SIGTERM) == 0

    assert time.monotonic() - began < 8  # then it would be killed
    wait_for("the farewell", lambda: connected.last("status") == b"offline")
    assert connected.payloads("status") == [b"online", b"offline"]
    newcomer = site.observe()
    wait_for("what is retained", lambda: newcomer.last("status") and newcomer.last("info"))
    assert all(heard.retained for heard in newcomer.heard)
    assert newcomer.last("status") == b"offline"
    info = msgspec.json.decode(newcomer.last("info") or b"")
    assert (info["version"], info["schema"], len(info["config"])) == ("0.1.0", 1, 12)


def test_the_will_of_a_killed_gateway(site: Site, connected: Observer) -> None:
    site.release.kill("picket_gateway", signal.SIGKILL)

    wait_for("the will", lambda: connected.last("status") == b"offline")


def test_a_stop_while_the_broker_is_silent_leaves_it_to_the_will(site: Site, connected: Observer) -> None:
    assert site.broker.process
    began = time.monotonic()
    with held(site.broker.process):
        site.release.kill("picket_gateway", signal.SIGTERM)
        stopped_after_seconds = time.monotonic() - began

    assert stopped_after_seconds < 8
    wait_for("the will", lambda: connected.last("status") == b"offline")


def test_live_states_are_retained(site: Site, connected: Observer) -> None:
    now = time.time_ns()
    site.release.publish(
        ("input.state.hall", InputState(time_ns=now, input="hall", motion="ON", zone="alarm")),
        ("output.state.siren", OutputState(time_ns=now, output="siren", state="OFF", why="start")),
        ("reading.air", Reading(time_ns=now, source="air", kind="air", values={"pm25": 3.5, "pm10": None})),
    )
    wait_for("the last of them", lambda: connected.last("sensor/air/state"))

    newcomer = site.observe()
    wait_for("what is retained", lambda: newcomer.last("sensor/air/state"))
    assert newcomer.last("input/hall/state") == b"ON"
    assert newcomer.last("input/hall/zone") == b"alarm"
    assert newcomer.last("output/siren/state") == b"OFF"
    reading = msgspec.json.decode(newcomer.last("sensor/air/state") or b"")
    assert {**reading, "time": ""} == {"time": "", "kind": "air", "pm25": 3.5, "pm10": None}


def test_the_heartbeat_tells_of_services_and_latency(site: Site, connected: Observer) -> None:
    site.release.publish(event(1))
    wait_for("the first event", lambda: connected.last("event"))
    site.release.publish(event(2))

    def beat() -> Heartbeat | None:
        beats = [msgspec.json.decode(payload, type=Heartbeat) for payload in connected.payloads("heartbeat")]
        return next((beat for beat in beats if beat.latency["edge_to_mqtt_ms"]["count"]), None)

    found = wait_for("a heartbeat after the event", beat)
    assert found.services["hub"].state == "ok"
    assert found.latency["edge_to_mqtt_ms"]["p50"] < 60_000
    assert {"bytes", "lags"} <= set(found.journal)
    assert "gateway" not in found.dropped


def test_an_event_arrives_once_with_its_own_bytes(site: Site, connected: Observer) -> None:
    site.release.publish(event(1))
    site.release.publish(event(2))

    wait_for("the events", lambda: len(connected.payloads("event")) >= 2)
    assert connected.payloads("event") == journalled(site)
    assert {heard.qos for heard in connected.heard if heard.topic.endswith("/event")} == {1}


def test_an_alert_of_a_threshold_is_an_event(site: Site, connected: Observer) -> None:
    now = datetime.now(UTC)
    alert = ThresholdEvent(
        time_ns=time.time_ns(),
        id="freezer_warm-1",
        type="new",
        threshold="freezer_warm",
        source="freezer",
        quantity="temperature_c",
        value=-3.2,
        began_at=now,
        why="freezer temperature_c was above -15 for 600 s (peak -3.2)",
    )
    site.release.publish(("event.threshold.freezer_warm", alert))

    wait_for("the event", lambda: connected.payloads("event"))
    assert connected.payloads("event") == journalled(site, "event.threshold.")


def test_events_wait_for_a_broker_that_is_away(site: Site, connected: Observer) -> None:
    site.release.publish(event(1))
    wait_for("the first event", lambda: connected.last("event"))
    site.broker.stop()
    wait_for("the loss", site.says("ERROR health: broker"))
    site.release.publish(*(event(number) for number in range(2, 302)))

    with held(site.release.processes["picket_gateway"]):  # until somebody listens
        site.broker.start()
        connected.listen_again()

    wait_for("the events", lambda: len(connected.payloads("event")) >= 301)
    assert connected.payloads("event") == journalled(site)
    wait_for("the birth", lambda: connected.payloads("status").count(b"online") >= 2)
    assert [fault["state"] for fault in site.faults()] == ["begin", "end"]


def test_a_killed_gateway_goes_on_where_the_broker_had_acknowledged(site: Site, connected: Observer) -> None:
    site.release.publish(event(1))
    wait_for("the first event", lambda: connected.last("event"))
    wait_for("the heartbeat after it", lambda: len(connected.payloads("heartbeat")) >= 2)
    site.release.kill("picket_gateway", signal.SIGKILL)
    site.release.publish(event(2))

    site.start_gateway()

    wait_for("the second event", lambda: len(connected.payloads("event")) >= 2)
    assert connected.payloads("event") == journalled(site)


def test_a_silent_broker_is_noticed_within_its_keepalive(site: Site) -> None:
    site.release.environment["PICKET__MQTT__KEEPALIVE_SECONDS"] = "2"
    site.broker.start()
    observer = site.observe()
    site.start_gateway()
    wait_for("the birth", lambda: observer.last("status") == b"online")
    assert site.broker.process
    began = time.monotonic()
    with held(site.broker.process):
        wait_for("the loss", site.says("ERROR health: broker"))
        noticed_after_seconds = time.monotonic() - began

    assert noticed_after_seconds < 15  # 3 s on a machine that has nothing else to do
    wait_for("the return", site.says("works again"))


def test_a_command_reaches_the_relay_and_its_result_comes_back(site: Site, connected: Observer) -> None:
    relay = site.play_relay()

    connected.send("output/siren/set", b'{"state":"ON","seconds":5,"id":"mine"}')

    result = connected.result()
    assert (result.id, result.accepted, result.state, result.latency_ms) == ("mine", True, "ON", 1.5)
    assert [(c.output, c.state, c.seconds, c.origin) for c in relay.commands] == [("siren", "ON", 5.0, "mqtt")]
    assert connected.payloads("output/siren/result") == journalled(site, "output.result.")


def test_a_pulse_in_milliseconds(site: Site, connected: Observer) -> None:
    relay = site.play_relay()

    connected.send("output/siren/set_on_ms", b"250")

    assert connected.result().accepted
    assert [(c.state, c.seconds) for c in relay.commands] == [("ON", 0.25)]


def test_a_command_that_nobody_serves_is_refused_once(connected: Observer) -> None:
    connected.send("output/siren/set", b'{"state":"ON","id":"mine"}')

    result = connected.result()
    assert (result.id, result.accepted, result.state) == ("mine", False, "UNKNOWN")
    assert result.reason == "the relay is not reachable: nobody serves output.command.siren"


def test_a_result_without_an_answer_is_the_only_one(site: Site, connected: Observer) -> None:
    site.play_relay(silent=True)

    connected.send("output/siren/set", b'{"state":"ON","id":"a","ttl_seconds":3}')
    assert connected.result().accepted
    connected.send("output/siren/set", b"rubbish")

    # The refusal of the rubbish would come after that of the command, which was due before it.
    time_of_refusal = time.monotonic() + 5
    wait_for("the time of a refusal", lambda: time.monotonic() > time_of_refusal)
    results = [msgspec.json.decode(payload) for payload in connected.payloads("output/siren/result")]
    assert [result["accepted"] for result in results] == [True, False]
    assert "expected ON, OFF" in results[1]["reason"]


def test_a_malformed_command_is_refused_with_a_result_by_the_journal(site: Site, connected: Observer) -> None:
    relay = site.play_relay()

    connected.send("output/siren/set", b'{"state":"ON","secs":5,"id":"mine"}')

    result = connected.result()
    assert (result.id, result.accepted) == ("mine", False)
    assert "unknown field `secs`" in result.reason
    assert relay.commands == []
    assert connected.payloads("output/siren/result") == journalled(site, "output.result.")


def test_a_megabyte_is_refused_and_does_no_harm(connected: Observer) -> None:
    connected.send("output/siren/set", b"x" * 1_000_000)
    assert "1000000 bytes; expected at most 4096" in connected.result().reason

    connected.send("output/siren/set", b"y" * 5_000_000)
    connected.send("output/siren/set", b"z")

    wait_for("the result of the last", lambda: len(connected.payloads("output/siren/result")) >= 2)
    assert "b'z'" in (connected.last("output/siren/result") or b"").decode()


def test_a_retained_command_is_refused_and_cleared(site: Site, connected: Observer) -> None:
    relay = site.play_relay()

    connected.send("output/siren/set", b"ON", retain=True)

    assert "retained" in connected.result().reason
    wait_for("the clearing", lambda: connected.last("output/siren/set") == b"")
    newcomer = site.observe()
    wait_for("what is retained", lambda: newcomer.last("status"))
    assert newcomer.payloads("output/siren/set") == []
    assert relay.commands == []
    assert len(connected.payloads("output/siren/result")) == 1


def test_a_command_that_was_retained_before_is_cleared_and_never_acted_on(site: Site) -> None:
    site.broker.start()
    observer = site.observe()
    observer.send("output/siren/set", b"ON", retain=True)
    relay = site.play_relay()

    site.start_gateway()

    wait_for("the clearing", lambda: observer.last("output/siren/set") == b"")
    assert relay.commands == []


def test_an_unknown_output_is_refused_at_the_broker_only(site: Site, connected: Observer) -> None:
    connected.send("output/Caf\u00e9 !/set", b"ON")
    connected.send("output/sauna/set", b"ON")

    result = connected.result("sauna")
    assert (result.accepted, result.device, "no such output" in result.reason) == (False, "test", True)
    assert journalled(site, "output.result.") == []
    assert site.log().count("refused, and not logged again") == 1
    assert site.release.processes["picket_gateway"].poll() is None


def test_a_wrong_password_degrades(site: Site) -> None:
    passwords = site.release.folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "gateway", "right"], check=True, capture_output=True)
    site.broker.settings = ["allow_anonymous false", f"password_file {passwords}"]
    site.broker.start()
    site.release.environment |= {"PICKET__MQTT__USERNAME": "gateway", "PICKET__MQTT__PASSWORD": "guessed"}

    site.start_gateway()

    wait_for("the fault", site.faults)
    assert "refuses the connection: Not authorized (mqtt.username, mqtt.password" in site.faults()[0]["text"]
    site.release.kill("picket_gateway", signal.SIGTERM)
    assert "guessed" not in site.log()

    site.release.environment["PICKET__MQTT__PASSWORD"] = "right"
    site.start_gateway()
    observer = site.observe(username="gateway", password="right")
    wait_for("the birth", lambda: observer.last("status") == b"online")


def test_tls_with_an_authority_of_ones_own(site: Site) -> None:
    folder = site.release.folder
    request = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out ca.pem -subj /CN=127.0.0.1"
    request += " -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(request.split(), cwd=folder, check=True, capture_output=True)
    site.broker.settings += [f"certfile {folder}/ca.pem", f"keyfile {folder}/key.pem"]
    site.broker.start()
    site.release.environment["PICKET__MQTT__TLS__CA_FILE"] = str(folder / "missing.pem")
    site.start_gateway()
    wait_for("the fault", site.faults)
    assert "No such file" in site.faults()[0]["text"]
    site.release.kill("picket_gateway", signal.SIGTERM)
    site.release.environment["PICKET__MQTT__TLS__CA_FILE"] = f"{folder}/ca.pem"

    site.start_gateway()

    wait_for("the connection", site.says("connected to"))
    observer = site.observe(authority=str(folder / "ca.pem"))
    site.release.publish(*(event(number) for number in range(50)))
    wait_for("the events", lambda: len(observer.payloads("event")) == 50)


def test_a_publication_the_broker_refuses_is_kept_until_it_does_not(site: Site) -> None:
    rules = site.release.folder / "acl"
    rules.write_text("topic readwrite #\ntopic deny picket/test/event\n")
    rules.chmod(0o600)
    site.broker.settings.append(f"acl_file {rules}")
    site.broker.start()
    site.start_gateway()
    site.release.publish(event())
    wait_for("the fault", lambda: [fault for fault in site.faults() if fault["subject"] == "delivery"])

    rules.write_text("topic readwrite #\n")
    assert site.broker.process
    site.broker.process.send_signal(signal.SIGHUP)

    observer = site.observe()
    wait_for("the event", lambda: observer.payloads("event"))
    wait_for("the end of the fault", lambda: [fault for fault in site.faults() if fault["state"] == "end"])
    assert observer.payloads("event") == journalled(site)


def test_a_broker_of_3_1_1_is_fallen_back_to_without_a_fault(site: Site) -> None:
    site.release.start("picket_simulator.broker", "--port", str(site.broker.port))
    observer = site.observe()
    observer.send("output/siren/set", b"ON", retain=True)
    relay = site.play_relay()

    site.start_gateway()
    wait_for("the birth", lambda: observer.last("status") == b"online")
    refusal = observer.result()
    observer.send("output/siren/set", b'{"state":"ON","id":"mine"}')

    wait_for("its result", lambda: b'"id":"mine"' in (observer.last("output/siren/result") or b""))
    assert "retained" in refusal.reason
    assert [command.id for command in relay.commands] == ["mine"]
    assert "by MQTT 3.1.1" in site.log()
    assert site.faults() == []


def test_a_broker_that_is_slow_at_first_is_spoken_to_by_mqtt_5_after_the_next_loss(site: Site) -> None:
    site.broker.start()
    assert site.broker.process
    site.broker.process.send_signal(signal.SIGSTOP)
    site.start_gateway()
    dialled: set[str] = set()

    def tried_both() -> bool:
        dialled.update(connections_to(site.broker.port))
        return len(dialled) == 2

    wait_for("both protocols", tried_both)
    site.broker.process.send_signal(signal.SIGCONT)
    wait_for("a connection", site.says("connected to "))
    first = site.log()

    site.broker.kill()
    wait_for("the loss", lambda: [fault for fault in site.faults() if fault["state"] == "begin"])
    site.broker.start()

    wait_for("the newer protocol", site.says("by MQTT 5"))
    assert "by MQTT 3.1.1" in first


def connections_to(port: int) -> list[str]:
    """Name this machine's sockets that are connected to a port, by their own addresses."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"]


def test_a_hub_that_is_away_costs_no_connection(site: Site, connected: Observer) -> None:
    def beat_again() -> None:
        beats = len(connected.payloads("heartbeat"))
        wait_for("another heartbeat", lambda: len(connected.payloads("heartbeat")) > beats)

    site.release.kill("picket_hub", signal.SIGTERM)
    beat_again()
    connected.send("output/siren/set", b'{"state":"ON","id":"mine"}')
    beat_again()

    site.release.start_hub()

    assert connected.result().reason.startswith("the relay is not reachable: the hub is away")
    assert connected.payloads("status") == [b"online"]
