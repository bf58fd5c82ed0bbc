from pathlib import Path

import pytest

from picket.config import load
from picket_base.surroundings import complete, make_key, own_broker


@pytest.fixture
def configuration(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "picket.yaml"
    file.write_text("device: demo\n")
    return {"PICKET_CONFIG": str(file)}


def test_the_name_is_the_variables_then_the_remembered_then_that_of_the_first_day(tmp_path: Path) -> None:
    remembered = tmp_path / "name"
    balena = {"BALENA_DEVICE_NAME_AT_INIT": "Garage, 2. Pi"}

    at_first = complete("hub", balena, remembered)
    remembered.write_text("front_door")
    later = complete("hub", balena, remembered)
    ours = complete("hub", {**balena, "PICKET_DEVICE": "hut"}, remembered)

    assert [one["PICKET_DEVICE"] for one in (at_first, later, ours)] == ["garage_2_pi", "front_door", "hut"]
    assert at_first["PICKET_DEVICE_FROM"] == str(remembered)
    assert "PICKET_DEVICE_FROM" not in ours


def test_away_from_balena_the_configuration_names_the_device(configuration: dict[str, str], tmp_path: Path) -> None:
    environment = complete("hub", configuration, tmp_path / "name")

    assert load(environment=environment).device == "demo"


def test_who_meets_the_broker_finds_it_beside_itself(configuration: dict[str, str], tmp_path: Path) -> None:
    variables = configuration | {"PICKET__MQTT__PASSWORD": "p"}

    hosts = {
        container: load(environment=complete(container, variables, tmp_path / "name")).mqtt.host
        for container in ("gateway", "collectors", "mosquitto", "collectors-usb", "hub")
    }

    assert [container for container, host in hosts.items() if host == "mosquitto"] == [
        "gateway",
        "collectors",
        "mosquitto",
    ]


def test_the_gateway_and_the_broker_beside_it_share_a_password_made_by_chance(
    configuration: dict[str, str], tmp_path: Path
) -> None:
    key = tmp_path / "password"

    one, other = (load(environment=configuration | own_broker(configuration, key)).mqtt for _ in range(2))

    assert (one.host, one.username) == ("mosquitto", "demo")
    assert one.password == other.password and len(one.password) > 30
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MQTT_HOST": "broker.example"}, ("broker.example", "", "")),
        ({"MQTT_HOST": "broker.example", "MQTT_PASSWORD": "p"}, ("broker.example", "", "p")),
        ({"MQTT_PASSWORD": "p"}, ("mosquitto", "demo", "p")),
        ({"PICKET__MQTT__USERNAME": "u", "PICKET__MQTT__PASSWORD": "p"}, ("mosquitto", "u", "p")),
    ],
    ids=["another-broker", "with-a-password", "a-password", "user-and-password"],
)
def test_what_a_person_sets_counts(
    configuration: dict[str, str], tmp_path: Path, variables: dict[str, str], expected: tuple[str, str, str]
) -> None:
    environment = configuration | variables

    mqtt = load(environment=environment | own_broker(environment, tmp_path / "password")).mqtt

    assert (mqtt.host, mqtt.username, mqtt.password) == expected


def test_a_key_is_made_once_and_nothing_half_made_is_left(tmp_path: Path) -> None:
    make_key(tmp_path / "password")
    first = (tmp_path / "password").read_text()
    make_key(tmp_path / "password")

    assert (tmp_path / "password").read_text() == first
    assert [file.name for file in tmp_path.iterdir()] == ["password"]
