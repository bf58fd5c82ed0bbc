"""At rest without an address."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from picket.config import load
from picket.config.schema import QuietHours

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
    modules = sorted({name.split(".")[0] for name in sys.modules})
    print(json.dumps([figures["slack"], figures["sentry"], figures["ping"], modules]))
"""


@pytest.mark.parametrize(
    ("variables", "awake"),
    [
        pytest.param({}, "", id="at-rest"),
        pytest.param({"SLACK_WEBHOOK_URL": "http://127.0.0.1:9/x"}, "slack", id="slack-alone"),
        pytest.param({"SENTRY_DSN": "http://key@127.0.0.1:9/1"}, "sentry", id="sentry-alone"),
        pytest.param({"PING_URL": "http://127.0.0.1:9/p"}, "ping", id="ping-alone"),
    ],
)
def test_a_client_is_loaded_only_for_its_address(tmp_path: Path, variables: dict[str, str], awake: str) -> None:
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
    assert [figure != "at rest" for figure in told] == [name == awake for name in ("slack", "sentry", "ping")]
    clients = {"slack_sdk": "slack", "sentry_sdk": "sentry"}
    assert [client for client in clients if client in modules] == [c for c, name in clients.items() if name == awake]


def test_the_readmes_sample_is_a_configuration(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    sample = readme.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "picket.yaml").write_text("device: demo\n" + sample)

    config = load(tmp_path / "picket.yaml", {"SENTRY_DSN": "http://key@sentry.example/1"})

    assert config.notifier.quiet_hours == QuietHours(begin="22:30", until="07:00", urgent=["threshold"])
    assert config.time_zone == "Europe/Berlin"
