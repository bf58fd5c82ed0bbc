"""At rest without an address."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from picket.config import load

PROBE = """
import json, sys
from picket.config import load_with_origins
from picket.service import Runtime
from picket_recorder.service import Recorder
runtime = Runtime("recorder", load_with_origins())
with runtime.closing:
    Recorder(runtime)
    runtime.loop.turn(0)
    figures = runtime.health.figures()
    print(json.dumps([figures["influxdb"], sorted({name.split(".")[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize(
    ("variables", "figure", "loaded"),
    [
        pytest.param({}, "at rest", False, id="at-rest"),
        pytest.param({"INFLUX_URL": "http://127.0.0.1:9"}, "recording", True, id="recording"),
    ],
)
def test_the_client_is_loaded_only_for_an_address(
    tmp_path: Path, variables: dict[str, str], figure: str, loaded: bool
) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text("device: demo\n")

    output = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={"PICKET_CONFIG": str(file), **variables},
        cwd=tmp_path,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout

    told, modules = json.loads(output)
    assert told == figure
    assert ("influxdb_client" in modules, "urllib3" in modules) == (loaded, loaded)


def test_the_readmes_sample_is_a_configuration(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    sample = readme.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "picket.yaml").write_text("device: demo\n" + sample)

    config = load(tmp_path / "picket.yaml", {"INFLUX_TOKEN": "s3cret"})

    assert config.recorder.url == "http://influxdb.example:8086"
    assert config.recorder.token == "s3cret"
