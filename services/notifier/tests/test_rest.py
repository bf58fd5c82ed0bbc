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
from picket_notifier.service import Notifier
runtime = Runtime("notifier", load_with_origins())
with runtime.closing:
    Notifier(runtime)
    runtime.loop.turn(0)
    figures = runtime.health.figures()
    print(json.dumps([figures["slack"], figures["sentry"], sorted({name.split(".")[0] for name in sys.modules})]))
"""


@pytest.mark.parametrize(
    ("variables", "slack", "sentry"),
    [
        pytest.param({}, "at rest", "at rest", id="at-rest"),
        pytest.param({"SLACK_WEBHOOK_URL": "http://127.0.0.1:9/x"}, "awake", "at rest", id="slack-alone"),
        pytest.param({"SENTRY_DSN": "http://key@127.0.0.1:9/1"}, "at rest", "awake", id="sentry-alone"),
    ],
)
def test_a_client_is_loaded_only_for_its_address(
    tmp_path: Path, variables: dict[str, str], slack: str, sentry: str
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

    *told, modules = json.loads(output)
    assert told == [slack, sentry]
    assert ("slack_sdk" in modules, "sentry_sdk" in modules) == (slack == "awake", sentry == "awake")


def test_the_readmes_sample_is_a_configuration(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    sample = readme.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "picket.yaml").write_text("device: demo\n" + sample)

    config = load(tmp_path / "picket.yaml", {"SENTRY_DSN": "http://key@sentry.example/1"})

    assert config.notifier.cooldown_seconds == 120
