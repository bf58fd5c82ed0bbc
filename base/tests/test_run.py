import os
import shutil
import socket
from pathlib import Path

import pytest

from picket.config import load_with_origins
from picket_base.programs import StartError
from picket_base.run import banner, check_ports, has_own_broker, plan, refuse_a_second
from tests.servers.ports import free_ports

PORTS = """
hub: {{ingest_port: {0}, live_port: {1}, request_port: {2}}}
mqtt: {{port: {3}}}
"""


def configuration(folder: Path) -> Path:
    file = folder / "picket.yaml"
    file.write_text("device: demo\n" + PORTS.format(*free_ports(4)))
    return file


def test_a_taken_port_is_named_with_what_to_set(tmp_path: Path) -> None:
    loaded = load_with_origins(configuration(tmp_path), {})
    port = loaded.config.hub.live_port

    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(StartError, match=rf"port {port} \(the hub\) is taken: set PICKET__HUB__LIVE_PORT"),
    ):
        check_ports(loaded)


def test_a_taken_port_of_what_a_collector_asks_is_named_too(tmp_path: Path) -> None:
    file = configuration(tmp_path)
    bus, control = free_ports(2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(
            file.read_text() + f"simulator: {{bus_port: {bus}, control_port: {control}, ups_port: {port}}}\n"
            f"collectors: {{ups: {{kind: nut, ups: demo, port: {port}}}}}\n"
        )

        with pytest.raises(
            StartError, match=rf"port {port} \(the simulator\) is taken: set PICKET__SIMULATOR__UPS_PORT, "
        ):
            check_ports(load_with_origins(file, {}))


def test_a_broker_that_was_named_is_used_and_its_port_may_be_taken(tmp_path: Path) -> None:
    loaded = load_with_origins(configuration(tmp_path), {"MQTT_HOST": "127.0.0.1"})

    with socket.create_server(("127.0.0.1", loaded.config.mqtt.port)):
        check_ports(loaded)

    assert not has_own_broker(loaded)


def test_a_second_start_in_the_same_folder_is_refused_and_a_stale_number_is_not(tmp_path: Path) -> None:
    (tmp_path / "supervisord.pid").write_text(f"{os.getpid()}\n")

    refuse_a_second(tmp_path)  # this process is no supervisord
    (tmp_path / "supervisord.pid").write_text("rubbish")
    refuse_a_second(tmp_path)


def test_logs_are_forwarded_where_a_server_is_named_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/sbin/{name}")
    file = configuration(tmp_path)
    plain = load_with_origins(file, {"MQTT_HOST": "mqtt.lan"})
    named = load_with_origins(file, {"MQTT_HOST": "mqtt.lan", "RSYSLOG_SERVER": "logs.lan"})

    assert "rsyslogd" not in [program.name for program in plan(plain, tmp_path)]
    assert plan(named, tmp_path)[0].name == "rsyslogd"
    assert "and to logs.lan" in banner(named, plan(named, tmp_path), tmp_path)
