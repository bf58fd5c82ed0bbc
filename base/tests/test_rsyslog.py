import shutil
import subprocess
from pathlib import Path

import pytest

from picket.config import Config
from picket.config.address import Address
from picket_base.programs import StartError, services
from picket_base.rsyslog import forwarder, render


def config(folder: Path, server: str = "logs.lan:10514") -> Config:
    return Config(device="demo", data_dir=str(folder), rsyslog_server=server)


def have_rsyslogd(monkeypatch: pytest.MonkeyPatch, path: str | None = "/usr/sbin/rsyslogd") -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: path)


def test_without_a_server_there_is_nothing_to_run(tmp_path: Path) -> None:
    assert forwarder(config(tmp_path, server=""), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_rsyslogd_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    have_rsyslogd(monkeypatch, None)

    with pytest.raises(StartError, match="there is no rsyslogd: install rsyslog, or unset RSYSLOG_SERVER"):
        forwarder(config(tmp_path), tmp_path)


def test_it_starts_before_what_logs_stops_after_it_and_is_killed_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_rsyslogd(monkeypatch)

    (program,) = forwarder(config(tmp_path), tmp_path)

    assert program.priority < min(service.priority for service in services(config(tmp_path)))
    assert program.stop_signal == "KILL"
    assert program.command == ("/usr/sbin/rsyslogd", "-n", "-f", f"{tmp_path}/rsyslog.conf", "-i", "NONE")


def test_all_it_writes_lies_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    have_rsyslogd(monkeypatch)

    forwarder(config(tmp_path), tmp_path)

    text = (tmp_path / "rsyslog.conf").read_text()
    assert f'workDirectory="{tmp_path}/rsyslog"' in text
    assert f'socket="{tmp_path}/log.sock"' in text
    assert (tmp_path / "rsyslog").is_dir()


def test_the_server_the_device_and_the_bound_are_in_the_configuration() -> None:
    text = render(Address("fd00::5", 601), "demo", Path("/data/log.sock"), Path("/data/rsyslog"))

    assert 'target="fd00::5" port="601" protocol="tcp"' in text
    assert 'localHostname="demo"' in text
    assert 'queue.maxDiskSpace="32m"' in text


@pytest.mark.slow
@pytest.mark.skipif(not Path("/usr/sbin/rsyslogd").exists(), reason="rsyslogd is not installed")
@pytest.mark.parametrize("name", ["plain", 'a "quoted" $name \\ with all'])
def test_rsyslogd_finds_nothing_wrong_with_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (program,) = forwarder(config(folder), folder)

    check = subprocess.run([*program.command, "-N1"], capture_output=True, text=True, check=False, timeout=60)

    assert (check.returncode, "error" in check.stderr) == (0, False), check.stderr
