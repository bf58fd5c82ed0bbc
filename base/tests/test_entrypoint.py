"""The entrypoint as a process, without a container: what it says and how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


# As in a container, but that root hands nothing of this machine over.
PROGRAM = "from picket_base import entrypoint, root; root.drop = lambda run: None; entrypoint.main()"


def begin(folder: Path, container: str, **environment: str) -> "subprocess.Popen[str]":
    (folder / "picket.yaml").write_text("device: demo\n")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PICKET", "MQTT_", "NO_START", "BALENA"))}
    kept |= {"PICKET_SERVICE": container, "PICKET_CONFIG": str(folder / "picket.yaml"), "PICKET__DATA_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=60)
    return output


@pytest.mark.parametrize("value", ["1", "yes", "hold on"])
def test_no_start_holds_until_the_container_is_stopped(tmp_path: Path, value: str) -> None:
    process = begin(tmp_path, "hub", NO_START=value)
    assert process.stdout and process.stdout.readline() == "picket: rests: NO_START is set\n"

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=60) == 0


def test_a_bad_configuration_is_a_line_each_and_ends_with_2(tmp_path: Path) -> None:
    process = begin(tmp_path, "hub", PICKET__HUB__INGEST_PORT="x", PICKET__MQTT__PORTT="1", NO_START="0")

    output = said(process)

    assert process.returncode == 2
    assert "PICKET__HUB__INGEST_PORT: hub.ingest_port: expected int" in output
    assert "PICKET__MQTT__PORTT: mqtt.portt: unknown key" in output
    assert "Traceback" not in output


def test_an_address_that_can_not_be_reached_is_said_and_prevents_nothing(tmp_path: Path) -> None:
    process = begin(tmp_path, "nonsense", TEST_ON_START_ADDRESS="127.0.0.1:1")

    output = said(process)

    assert output.splitlines() == [
        "picket: TEST_ON_START_ADDRESS: 127.0.0.1:1 can't be reached: Connection refused",
        "picket: there is no container 'nonsense'",
    ]
