"""Variables: their reach, and that their values are not shown by the way."""

import io
from typing import Any

import pytest

from picket_fleet.store import variables
from picket_fleet.store.variables import Variable


def test_variables_are_set_where_they_are_to_reach(run: Any, house: Any) -> None:
    assert run("env", "set", "A=1", "B=x=y").out == "A, B: set for all services on all devices\n"
    run("env", "set", "A=2", "--service", "web")
    assert run("env", "set", "A=3", "--service", "web", "--device", "hall").out == "A: set for web on hall\n"

    assert variables.everywhere(house.database) == [
        Variable(None, "", "A", "1"),
        Variable(None, "", "B", "x=y"),
        Variable(None, "web", "A", "2"),
        Variable(house.hall.id, "web", "A", "3"),
    ]


@pytest.mark.usefixtures("house")
def test_values_are_listed_only_when_asked_for(run: Any) -> None:
    run("env", "set", "TOKEN=hunter2", "--service", "web")
    run("env", "set", "TOKEN=swordfish", "--device", "hall")

    assert run("env", "list").out == (
        "NAME   VALUE     SERVICE  DEVICE\nTOKEN  ********  web      all\nTOKEN  ********  all      hall\n"
    )
    assert run("env", "list", "--json").json == [
        {"name": "TOKEN", "service": "web", "device": ""},
        {"name": "TOKEN", "service": "", "device": "hall"},
    ]
    assert [v["value"] for v in run("env", "list", "--show", "--json").json] == ["hunter2", "swordfish"]
    assert [v["value"] for v in run("env", "list", "--show", "--json", "--device", "attic").json] == ["hunter2"]
    for words in (["device", "hall"], ["device", "hall", "--json"], ["devices", "--json"]):
        assert "swordfish" not in run(*words).out


def test_a_secret_is_read_from_stdin(run: Any, house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))

    said = run("env", "set", "TOKEN", "--service", "web")

    assert "hunter2" not in said.out + said.err
    assert variables.everywhere(house.database) == [Variable(None, "web", "TOKEN", "hunter2")]


def test_a_variable_is_removed_where_it_was_set(run: Any, house: Any) -> None:
    run("env", "set", "A=1", "B=2")

    assert run("env", "unset", "A", "C").err == "fleet: C: no such variable\n"
    assert len(variables.everywhere(house.database)) == 2, "all or nothing"
    assert run("env", "unset", "A", "--device", "hall").err == (
        "fleet: A: no such variable; it is set elsewhere ('fleet env list'), not for all services on hall\n"
    )
    assert run("env", "unset", "A").code == 0
    assert [variable.name for variable in variables.everywhere(house.database)] == ["B"]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["BALENA_X=1"], id="balena's"),
        pytest.param(["A=1", "1A=2"], id="one of two wrong"),
        pytest.param(["A", "B"], id="two from stdin"),
        pytest.param(["A=1", "--service", "wob"], id="no such service"),
        pytest.param(["A=1", "--device", "wob"], id="no such device"),
        pytest.param(["BALENA_HOST_CONFIG_gpu_mem=16", "--service", "web"], id="a service has no host"),
    ],
)
def test_what_would_not_do_sets_nothing(run: Any, house: Any, words: list[str]) -> None:
    assert run("env", "set", *words).code == 1
    assert variables.everywhere(house.database) == []
