"""The folder of a fleet: made once, private, and read back."""

import stat
from pathlib import Path

import pytest

from picket_fleet.errors import FleetError
from picket_fleet.home import Configuration, create, load
from picket_fleet.releases.manifest import Manifest, encode, verify

CONFIGURATION = Configuration("house", "raspberrypi4-64", "https://192.168.1.5:8443")


def test_a_fleet_is_made_once_and_read_back(tmp_path: Path) -> None:
    home = create(tmp_path / "fleet", CONFIGURATION)

    assert load(tmp_path / "fleet") == home
    assert load(tmp_path / "fleet").configuration == CONFIGURATION
    with pytest.raises(FleetError, match="not empty"):
        create(tmp_path / "fleet", CONFIGURATION)


def test_nobody_else_reads_what_is_secret(tmp_path: Path) -> None:
    home = create(tmp_path / "fleet", CONFIGURATION)
    home.database().close()

    files = [path for path in home.folder.rglob("*") if path.is_file()]

    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {"signing.key", "server.key", "fleet.sqlite"} <= {path.name for path in files}


def test_what_the_fleet_signs_its_public_key_verifies(tmp_path: Path) -> None:
    home = create(tmp_path / "fleet", CONFIGURATION)
    signed = encode(Manifest("c" * 32, "1.0.0", {}))

    assert verify(signed, home.sign(signed), home.public_key(), "c" * 32).version == "1.0.0"
    assert len(home.fingerprint()) == 64


@pytest.mark.parametrize("text", ["../../etc/passwd", "a" * 63, "A" * 64, "", "a" * 64 + "\n"])
def test_what_is_no_digest_leads_to_no_file(tmp_path: Path, text: str) -> None:
    home = create(tmp_path / "fleet", CONFIGURATION)

    with pytest.raises(FleetError, match="not an id"):
        home.layer(text)
    with pytest.raises(FleetError, match="not an id"):
        home.delta("c" * 32, text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: ../x\ndevice_type: a\naddress: https://h", "name: expected letters"),
        ("name: x\ndevice_type: a\naddress: http://h", "address: expected https"),
        ("name: x\ndevice_type: a\naddress: https://h\nport: 1", "unknown field `port`"),
        ("name: x\ndevice_type: a", "missing required field `address`"),
    ],
    ids=["name", "plain-http", "unknown", "missing"],
)
def test_a_wrong_configuration_is_refused_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "fleet.yaml").write_text(text)

    with pytest.raises(FleetError, match=complaint):
        load(tmp_path)


def test_no_fleet_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="no fleet lives here"):
        load(tmp_path)
