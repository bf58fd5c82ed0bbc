"""At rest without an address."""

from pathlib import Path

import pytest

from picket.config import load
from tests.servers.figures import figures_and_modules


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
    figures, modules = figures_and_modules(tmp_path, "recorder", "Recorder", **variables)

    assert figures["influxdb"] == figure
    assert ("influxdb_client" in modules, "urllib3" in modules) == (loaded, loaded)


def test_the_readmes_sample_is_a_configuration(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    sample = readme.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "picket.yaml").write_text("device: demo\n" + sample)

    config = load(tmp_path / "picket.yaml", {"INFLUX_TOKEN": "s3cret"})

    assert config.recorder.url == "http://influxdb.example:8086"
    assert config.recorder.token == "s3cret"
