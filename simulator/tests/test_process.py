import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.ports import free_ports

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-m", "picket_simulator"]


def environment(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "picket.yaml"
    file.write_text(text)
    return os.environ | {"PICKET_CONFIG": str(file)}


def simulator(tmp_path: Path, bus_port: int, control_port: int) -> str:
    return (
        f"device: demo\ndata_dir: {tmp_path}\n"
        f"simulator: {{ bus_port: {bus_port}, control_port: {control_port} }}\n"
        "collectors:\n  air: { kind: sds011 }\n"
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, stop: signal.Signals) -> None:
    env = environment(tmp_path, simulator(tmp_path, *free_ports(2)))

    with subprocess.Popen(COMMAND, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(3)]
        linked = (tmp_path / "sim" / "air").exists()
        process.send_signal(stop)
        assert process.wait(60) == 0

    assert "control on 127.0.0.1" in said[2]
    assert linked
    assert not (tmp_path / "sim" / "air").is_symlink()


def test_a_taken_port_is_one_line_and_exit_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        env = environment(tmp_path, simulator(tmp_path, port, *free_ports(1)))

        done = subprocess.run(COMMAND, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr == f"picket simulator: [Errno 98] 127.0.0.1:{port}: Address already in use\n"


def test_a_wrong_configuration_is_said_and_exit_1(tmp_path: Path) -> None:
    env = environment(tmp_path, "device: demo\nsimulator: { bus_port: many }\n")

    done = subprocess.run(COMMAND, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("picket simulator: ")
    assert "bus_port" in done.stderr
    assert "Traceback" not in done.stderr
