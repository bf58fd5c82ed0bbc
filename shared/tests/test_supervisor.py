"""What an application asks balena's supervisor, and what it makes of a person's name for a device."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from picket.config.schema import Name
from picket.supervisor import Supervisor, SupervisorError, UnknownToSupervisorError, as_name, device_name
from tests.servers.listener import Listener
from tests.servers.supervisor import KEY, StandInSupervisor


@pytest.fixture
def stand_in() -> Iterator[StandInSupervisor]:
    """A supervisor that listens."""
    with StandInSupervisor() as stand_in:
        yield stand_in


def of(environment: dict[str, str]) -> Supervisor:
    supervisor = Supervisor.of(environment)
    assert supervisor
    return supervisor


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("Front door", "front_door", id="words"),
        pytest.param("wispy-fog", "wispy_fog", id="balena-default"),
        pytest.param("Küche, 2. Stock", "kuche_2_stock", id="accents"),
        pytest.param("3rd floor", "pi_3rd_floor", id="digit-first"),
        pytest.param("__hall__", "hall", id="underscores"),
        pytest.param("a" * 39 + " b c", "a" * 39, id="long"),
        pytest.param("门", "", id="no-letter-of-ours"),
        pytest.param("", "", id="empty"),
    ],
)
def test_what_people_write_becomes_a_name_of_the_configuration(text: str, name: str) -> None:
    meta = get_args(Name)[1]

    assert as_name(text) == name
    assert not name or (re.search(meta.pattern, name) and len(name) <= meta.max_length)


def test_without_an_address_there_is_no_supervisor() -> None:
    assert Supervisor.of({}) is None


def test_release_and_name_are_asked_for_and_tags_delivered(stand_in: StandInSupervisor) -> None:
    supervisor = of(stand_in.environment)

    supervisor.set_tags({"picket_health": "ok"})

    assert supervisor.release() == stand_in.release
    assert supervisor.device_name() == "Front door"
    assert stand_in.tags == {"picket_health": "ok"}


def test_a_device_without_a_release_has_none(stand_in: StandInSupervisor) -> None:
    stand_in.release = None

    assert of(stand_in.environment).release() == ""


def test_an_old_supervisor_knows_no_tags(stand_in: StandInSupervisor) -> None:
    stand_in.knows_tags = False

    with pytest.raises(UnknownToSupervisorError, match="PATCH /v2/device/tags"):
        of(stand_in.environment).set_tags({})


def test_a_key_that_is_not_ours_is_refused_and_not_told(stand_in: StandInSupervisor) -> None:
    supervisor = of(stand_in.environment | {"BALENA_SUPERVISOR_API_KEY": "another-key"})

    with pytest.raises(SupervisorError, match="refuses our key") as refusal:
        supervisor.release()
    assert "another-key" not in str(refusal.value) + repr(supervisor)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"[" * 100_000], ids=["no-json", "no-object", "deep"])
def test_an_answer_that_is_none_is_an_error(answer: bytes) -> None:
    listener = Listener(lambda *_: (200, {}, answer))
    listener.start()

    with pytest.raises(SupervisorError, match="no JSON object"):
        Supervisor(f"http://127.0.0.1:{listener.port}", KEY).release()
    listener.stop()


def test_nobody_there_is_an_error_without_the_key(stand_in: StandInSupervisor) -> None:
    stand_in.stop()

    with pytest.raises(SupervisorError, match="does not answer") as refusal:
        of(stand_in.environment).release()
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize(
    ("remembered", "at_init", "name"),
    [
        pytest.param("", "wispy-fog", "wispy_fog", id="first-start"),
        pytest.param("front_door\n", "wispy-fog", "front_door", id="remembered"),
        pytest.param("门", "wispy-fog", "wispy_fog", id="no-name-in-it"),
        pytest.param("", "", "", id="no-balena"),
    ],
)
def test_all_services_call_the_device_the_same(tmp_path: Path, remembered: str, at_init: str, name: str) -> None:
    file = tmp_path / "name"
    if remembered:
        file.write_text(remembered)

    first = device_name({"BALENA_DEVICE_NAME_AT_INIT": at_init}, file)
    later = device_name({"BALENA_DEVICE_NAME_AT_INIT": "a name that it got meanwhile"} if at_init else {}, file)

    assert (first, later) == (name, name)


def test_a_name_that_can_t_be_remembered_still_counts(tmp_path: Path) -> None:
    assert device_name({"BALENA_DEVICE_NAME_AT_INIT": "Hut"}, tmp_path / "missing" / "name") == "hut"
