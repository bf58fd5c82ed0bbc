"""Plugs that belong to an account: wrong passwords, sessions that are forgotten, and what nobody is to see."""

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from picket_collectors.plug import REFUSED_SECONDS
from picket_collectors.source import Site
from picket_simulator.kasa_plug import KasaPlug
from picket_simulator.plug_server import PlugServer
from services.collectors.tests.plugs import ACCOUNT, MAC, source, told


@pytest.fixture(params=["KLAP 1", "KLAP 2"])
def locked(request: pytest.FixtureRequest) -> Iterator[PlugServer]:
    """A plug that belongs to an account."""
    with PlugServer("127.0.0.1", 0, KasaPlug("rack", MAC, 2000), request.param, **ACCOUNT) as plug:
        yield plug


@pytest.mark.parametrize(
    ("account", "text"),
    [
        pytest.param({**ACCOUNT, "password": "Hunter2"}, "refuses the password", id="wrong-password"),
        pytest.param({**ACCOUNT, "username": "Someone@example.org"}, "refuses the password", id="wrong-case"),
        pytest.param({}, "wants a username and a password", id="none"),
    ],
)
def test_a_wrong_password_is_one_fault_and_the_plug_is_left_alone_for_a_while(
    account: dict[str, str], text: str, locked: PlugServer, site: Site, time: Any
) -> None:
    with closing(source(site, {"rack": locked}, **account)) as plugs:
        first = told(plugs.sample())["rack"]
        asked = locked.connections

        for _ in range(10):
            time.now += 50
            assert told(plugs.sample())["rack"] == first
        assert locked.connections == asked
        time.now += 101
        plugs.sample()

        assert first == f"127.0.0.1 {text}; asked again in 10 minutes"
        assert locked.connections > asked
        assert plugs.figures() == {"plugs_lost": 0}


def test_no_proof_of_a_wrong_password_is_shown_to_the_plug(locked: PlugServer, site: Site) -> None:
    shown: list[str] = []
    post = locked.klap.post

    def spied(path: str, *rest: Any) -> Any:
        shown.append(path)
        return post(path, *rest)

    locked.klap.post = spied  # type: ignore[method-assign]
    with closing(source(site, {"rack": locked}, username="someone@example.org", password="wrong")) as plugs:
        plugs.sample()

    assert set(shown) == {"/app/handshake1"}


def test_a_password_that_is_right_again_is_found_to_be(locked: PlugServer, site: Site, time: Any) -> None:
    with closing(source(site, {"rack": locked}, **ACCOUNT)) as plugs:
        plugs.sample()
        locked.fault("password")
        refused = told(plugs.sample())["rack"]

        locked.fault("clear")
        time.now += REFUSED_SECONDS

        assert "refuses the password" in refused
        assert told(plugs.sample())["rack"]["on"] == 1


def test_a_session_that_the_plug_forgot_costs_no_reading(locked: PlugServer, site: Site) -> None:
    with closing(source(site, {"rack": locked}, **ACCOUNT)) as plugs:
        plugs.sample()

        locked.klap.forget()

        assert told(plugs.sample())["rack"]["on"] == 1


def test_nothing_is_logged_of_passwords_and_failures(
    locked: PlugServer, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with closing(source(site, {"rack": locked}, **ACCOUNT)) as plugs:
        plugs.sample()
        locked.klap.forget()
        plugs.sample()
        locked.fault("garbage")
        plugs.sample()

    assert [(record.name, record.levelname) for record in caplog.records if record.name != "asyncio"] == [
        ("kasa_plugs", "INFO")
    ]
    assert "hunter2" not in caplog.text
