"""At rest without an address."""

from pathlib import Path

import pytest

from picket.config import load
from picket.config.schema import QuietHours
from tests.servers.figures import figures_and_modules


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
    figures, modules = figures_and_modules(tmp_path, "notifier", "Notifier", **variables)

    outlets = ("slack", "sentry", "ping")
    assert [figures[name] != "at rest" for name in outlets] == [name == awake for name in outlets]
    clients = {"slack_sdk": "slack", "sentry_sdk": "sentry"}
    assert [client for client in clients if client in modules] == [c for c, name in clients.items() if name == awake]


def test_the_readmes_sample_is_a_configuration(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    sample = readme.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "picket.yaml").write_text("device: demo\n" + sample)

    config = load(tmp_path / "picket.yaml", {"SENTRY_DSN": "http://key@sentry.example/1"})

    assert config.notifier.quiet_hours == QuietHours(begin="22:30", until="07:00", urgent=["threshold"])
    assert config.time_zone == "Europe/Berlin"
