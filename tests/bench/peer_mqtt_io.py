"""mqtt-io from PyPI as a peer: in an environment of its own, its own `mcp23017` module, Adafruit's driver, our bus."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from tests.bench.figures import progress
from tests.servers.mqtt import Observer
from tests.servers.whole import ROOT

TOPICS = "mqtt_io"
ADAFRUIT = ("adafruit-circuitpython-mcp230xx", "adafruit-circuitpython-busdevice")  # without Blinka: see blinka.py
PATIENCE_SECONDS = 120.0


@contextmanager
def running_mqtt_io(mqtt_port: int, bus: str, address: int, outputs: Sequence[str]) -> Iterator[str]:
    """Drive the chip at `address` with one output a pin, from GPA0; gives its version, or "" where it can't be had."""
    with TemporaryDirectory(prefix="picket-bench-mqtt-io-") as name:
        folder = Path(name)
        python = folder / "venv" / "bin" / "python"
        version = installed(folder / "venv", python)
        if not version:
            yield ""
            return
        file = folder / "mqtt-io.yml"
        file.write_text(yaml.safe_dump(configuration(mqtt_port, address, outputs)))
        observer = Observer(mqtt_port, f"{TOPICS}/#")
        with (folder / "mqtt-io.log").open("wb") as log:
            process = subprocess.Popen(
                [str(python), "-P", str(Path(__file__).parent / "blinka.py"), bus, "mqtt_io", str(file)],
                env={"PYTHONPATH": str(ROOT / "shared" / "src"), "PATH": "/usr/bin:/bin"},
                stdout=log,
                stderr=log,
            )
        try:
            observer.wait(f"{TOPICS}/status", "running", 20)
        except AssertionError:
            progress(f"  mqtt-io did not start, go on without it: {(folder / 'mqtt-io.log').read_text()[-800:]}")
            version = ""
        finally:
            observer.close()
        try:
            yield version
        finally:
            process.terminate()
            process.wait(20)


def installed(venv: Path, python: Path) -> str:
    """Make the environment and return mqtt-io's version; where that fails say so and return "" ."""
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    try:
        for command in (
            [sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(venv)],
            [*install, "mqtt-io", "smbus2"],
            [*install, "--no-deps", *ADAFRUIT],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
        asked = "import importlib.metadata as m; print(m.version('mqtt-io'))"
        return subprocess.run([str(python), "-c", asked], check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        progress(f"  mqtt-io can't be had, go on without it: {error} {said.decode(errors='replace').strip()[-400:]}")
        return ""


def configuration(mqtt_port: int, address: int, outputs: Sequence[str]) -> dict[str, object]:
    """Return mqtt-io's configuration, its defaults wherever it has some."""
    return {
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port, "topic_prefix": TOPICS},
        "gpio_modules": [{"name": "expander", "module": "mcp23017", "chip_addr": address}],
        "digital_outputs": [
            {"name": name, "module": "expander", "pin": pin, "on_payload": "ON", "off_payload": "OFF", "initial": "low"}
            for pin, name in enumerate(outputs)
        ],
    }
