"""Who is expected to be heard, by the configuration; and a service that never says a word, on a device."""

import os
import shutil
import time
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from picket.config import load, load_with_origins
from picket.service import Runtime
from picket_base.programs import services
from picket_gateway.expected import expected
from picket_gateway.heartbeat import Heartbeat
from picket_gateway.service import Gateway
from picket_gateway.vitals import NEVER_HEARD_AFTER_SECONDS
from services.gateway.tests.stage import Site
from tests.servers.waiting import wait_for

DEMO = Path(__file__).parents[3] / "config" / "picket.yaml"
ALWAYS = {"hub", "automation", "recorder", "notifier"}
BOARDS = "adc_boards: {main: {}}\nio_boards: {main: {}}\n"


@pytest.mark.parametrize(
    ("configuration", "more"),
    [
        pytest.param("", set(), id="nothing-configured"),
        pytest.param("inputs: {hall: {kind: am312, channel: 1}}\n", {"gpio-input"}, id="inputs"),
        pytest.param("outputs: {siren: {pin: 1}}\n", {"relay"}, id="outputs"),
        pytest.param(
            "collectors: {air: {kind: sds011}, host: {}}\n", {"collectors.air", "collectors.host"}, id="collectors"
        ),
        pytest.param(
            "collectors: {air: {}, dust: {plugs: {a: 3}}}\n", {"collectors.air", "collectors.dust"}, id="misshapen"
        ),
        pytest.param(
            "collectors: {power: {kind: kasa, plugs: {tv: {host: 192.0.2.1}}}}\n", {"collectors.power"}, id="plugs"
        ),
        pytest.param(
            "collectors: {power: {kind: kasa, plugs: {tv: {host: 127.0.0.1, port: 7704}}}}\n", set(), id="played-plugs"
        ),
    ],
)
def test_a_service_is_expected_where_it_has_something_to_do(tmp_path: Path, configuration: str, more: set[str]) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text(f"device: test\n{BOARDS}{configuration}")

    assert expected(load(file, {})) == ALWAYS | more


def test_the_demo_s_processes_are_expected_and_no_others() -> None:
    config = load(DEMO, {})

    processes = {program.name for program in services(config)}

    unheard = {"gateway", "relay-watcher", "collectors.power"}  # ourselves, one without a voice, an extra
    assert expected(config) == processes - unheard
    assert expected(config) > ALWAYS | {"relay", "gpio-input", "collectors.air"}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"), reason="no mosquitto here")
def test_the_heartbeat_has_a_relay_that_was_never_heard(site: Site) -> None:
    site.broker.start()
    observer = site.observe()
    ahead = [0.0]
    gateways: list[Runtime] = []

    def run() -> None:
        runtime = Runtime("gateway", load_with_origins(site.release.file, site.release.environment))
        runtime.loop.now = lambda: time.monotonic() + ahead[0]
        with runtime.closing:
            Gateway(runtime)
            gateways.append(runtime)
            runtime.loop.run()

    def states() -> dict[str, str]:
        heartbeat = msgspec.json.decode(observer.last("heartbeat") or b"{}", type=dict)
        return {name: service["state"] for name, service in heartbeat.get("services", {}).items()}

    thread = Thread(target=run, daemon=True)
    thread.start()
    wait_for("the first beats", lambda: {"hub", "gateway"} <= set(states()))
    before = states()

    ahead[0] = NEVER_HEARD_AFTER_SECONDS
    gateways[0].loop.wake()
    wait_for("the relay's silence", lambda: states().get("relay") == "silent")
    wait_for("the hub's next beat", lambda: states()["hub"] == "ok")

    gateways[0].loop.stop()
    thread.join(10)
    assert "relay" not in before
    assert {name for name, state in states().items() if state == "silent"} == {
        "relay",
        "automation",
        "recorder",
        "notifier",
    }
    heartbeat = msgspec.json.decode(observer.last("heartbeat") or b"", type=Heartbeat)
    assert heartbeat.services["relay"].faults == {}
