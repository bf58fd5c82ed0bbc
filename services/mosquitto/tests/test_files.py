import shutil
import subprocess
from pathlib import Path

import pytest

from picket.config import Config
from picket.config.schema import Broker, Mqtt
from picket_mosquitto.files import access, hashed, users, write
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

MOSQUITTO = shutil.which("mosquitto", path="/usr/bin:/usr/sbin:/usr/local/sbin")


def config(folder: Path = Path("/data"), *, home: str = "") -> Config:
    return Config(
        device="hut",
        data_dir=str(folder),
        mqtt=Mqtt(username="hut", password="by chance"),
        broker=Broker(password=home),
    )


def test_a_hash_is_mosquittos_own() -> None:
    # As mosquitto_passwd 2.0.11 made it of "secret".
    assert hashed("secret", b"\0" * 12).startswith("$7$101$AAAAAAAAAAAAAAAA$")
    assert len(hashed("secret")) == len("$7$101$") + 16 + 1 + 88


def test_without_a_password_nobody_but_the_device_is_a_user() -> None:
    assert [line.split(":")[0] for line in users(config()).splitlines()] == ["hut"]
    assert [line.split(":")[0] for line in users(config(home="x")).splitlines()] == ["home", "hut"]


def test_a_device_may_write_what_is_its_own_and_home_everything() -> None:
    assert access(config()) == (
        "user hut\ntopic readwrite picket/hut/#\ntopic readwrite homeassistant/device/picket_hut/#\n"
        "topic read homeassistant/status\n\nuser home\ntopic readwrite #\n"
    )


@pytest.mark.slow
@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_the_real_broker_lets_in_who_has_a_password_and_nobody_else(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    file = write(config(tmp_path, home="secret"))
    file.write_text(file.read_text().replace("listener 1883", f"listener {port} 127.0.0.1\nuser root"))
    process = subprocess.Popen([str(MOSQUITTO), "-c", str(file)], stdout=subprocess.DEVNULL)

    def publish(*arguments: str, topic: str = "picket/hut/status") -> str:
        command = ["mosquitto_pub", "-V", "5", "-p", str(port), "-q", "1", "-t", topic, "-m", "x", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stderr

    try:
        wait_for("the broker", lambda: publish("-u", "home", "-P", "secret") == "")
        assert publish("-u", "hut", "-P", "by chance") == ""
        assert "ot authori" in publish()
        assert "ot authori" in publish("-u", "hut", "-P", "wrong")
        assert "ot authori" in publish("-u", "hut", "-P", "by chance", topic="picket/other/status")
    finally:
        process.terminate()
        process.wait(timeout=10)
