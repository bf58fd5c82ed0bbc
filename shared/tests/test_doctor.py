"""What `picket doctor` finds of balena's supervisor."""

import pytest

from picket.cli.doctor import Finding, _supervisor
from tests.servers.supervisor import StandInSupervisor


def findings(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> list[Finding]:
    for name in ("BALENA_SUPERVISOR_ADDRESS", "BALENA_SUPERVISOR_API_KEY"):
        monkeypatch.setenv(name, environment.get(name, ""))
    return list(_supervisor())


def test_release_and_name_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandInSupervisor() as supervisor:
        (finding,) = findings(monkeypatch, supervisor.environment)

    assert finding.good
    assert "a1b2c3d4e5f6" in finding.text and "Front door" in finding.text


def test_a_wrong_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandInSupervisor() as supervisor:
        (finding,) = findings(monkeypatch, supervisor.environment | {"BALENA_SUPERVISOR_API_KEY": "another-key"})

    assert not finding.good
    assert "refuses our key" in finding.text and "another-key" not in str(finding)


def test_away_from_balena_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(monkeypatch, {}) == []
