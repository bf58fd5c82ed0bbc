"""What `picket doctor` finds of balena's supervisor, and of what the services say of themselves."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import zmq

from picket.cli.doctor import Finding, _broker, _hear, _services, _supervisor
from picket.config import Config
from picket.config.load import collector_kinds
from picket.config.schema import Hub, Mqtt
from picket.messages import Health, encode
from tests.servers.supervisor import StandInSupervisor


def findings(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> list[Finding]:
    for name in ("BALENA_SUPERVISOR_ADDRESS", "BALENA_SUPERVISOR_API_KEY"):
        monkeypatch.setenv(name, environment.get(name, ""))
    return list(_supervisor())


def test_release_and_name_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandInSupervisor() as supervisor:
        (finding,) = findings(monkeypatch, supervisor.environment)

    assert finding.good
    assert "a1b2c3d4e5f6" in finding.text and "Front door" in finding.text


def test_a_wrong_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandInSupervisor() as supervisor:
        (finding,) = findings(monkeypatch, supervisor.environment | {"BALENA_SUPERVISOR_API_KEY": "another-key"})

    assert not finding.good
    assert "refuses our key" in finding.text and "another-key" not in str(finding)


def test_away_from_balena_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(monkeypatch, {}) == []


@contextmanager
def beating(*beats: Health) -> Iterator[Config]:
    """A hub that repeats these to all who hear, and the configuration of a device with two collectors there."""
    context: zmq.Context[Any] = zmq.Context()
    live = context.socket(zmq.PUB)
    port = live.bind_to_random_port("tcp://127.0.0.1")
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.02):
            for health in beats:
                live.send_multipart([f"health.{health.service}".encode(), encode(health)])

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield Config(device="demo", hub=Hub(live_port=port), collectors={"air": {}, "plugs": {}})
    finally:
        stop.set()
        thread.join()
        context.destroy(linger=0)


def health(service: str, **faults: str) -> Health:
    return Health(
        time_ns=1,
        service=service,
        state="degraded" if faults else "ok",
        uptime_seconds=9,
        faults=faults,
        figures={},
    )


def test_what_a_service_says_of_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picket.cli.doctor.BEAT_SECONDS", -0.5)

    with beating(health("relay"), health("collectors.air", source="no answer to 'query'")) as config:
        found = [(finding.good, finding.subject, finding.text) for finding in _services(config, _hear(config))]

    assert found == [
        (True, "services", "2 report"),
        (False, "collectors.air", "source: no answer to 'query'"),
        (False, "collectors.plugs", "says nothing"),
    ]


@pytest.mark.parametrize("checked", [True, False], ids=["where-collectors-are-installed", "elsewhere"])
@pytest.mark.parametrize(
    ("port", "installed", "good", "text"),
    [
        pytest.param(7704, False, True, "is not started: ", id="simulated-and-no-library"),
        pytest.param(7704, True, False, "says nothing", id="simulated"),
        pytest.param(9999, False, False, "says nothing", id="real"),
    ],
)
def test_a_simulated_plug_is_not_at_fault_where_its_library_is_not_installed(
    port: int, installed: bool, good: bool, text: str, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picket.cli.doctor.find_spec", lambda _name: installed or None)
    power: Any = {"kind": "kasa", "plugs": {"heater": {"host": "127.0.0.1", "port": port}}}
    if checked:
        power = msgspec.convert(power, collector_kinds()["kasa"])

    _, finding = _services(Config(device="demo", collectors={"power": power}), {"hub": health("hub")})

    assert (finding.good, finding.subject) == (good, "collectors.power")
    assert finding.text.startswith(text)
    assert ("python-kasa" in finding.text) == good


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        (health("gateway"), (True, "the gateway is connected")),
        (health("gateway", broker="not authorised"), (False, "not authorised")),
        (None, (False, "127.0.0.1:1: [Errno 111] Connection refused")),
    ],
    ids=["connected", "refused", "nobody-to-ask"],
)
def test_of_the_broker_the_gateway_is_asked_before_it_is_looked_for(
    gateway: Health | None, expected: tuple[bool, str]
) -> None:
    config = Config(device="demo", mqtt=Mqtt(port=1))  # where nobody listens

    finding = _broker(config, gateway)

    assert (finding.good, finding.text) == expected
