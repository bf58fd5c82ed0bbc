"""A server with its page, a fleet on it that has seen something, people with tokens, and a browser."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from fleet.tests.page.chromium import Looking, installed_chromium, launched
from fleet.tests.page.client import Client
from fleet.tests.page.seen_house import House
from fleet.tests.server.conftest import Fleet, serving
from picket_fleet.home import Configuration, Home, create
from picket_fleet.page import routes
from tests.servers.quiet_network import quiet_network

CONFIGURATION = Configuration("house", "raspberrypi4-64", "https://127.0.0.1:8443", "127.0.0.1:0")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Make a fleet."""
    return create(tmp_path / "fleet", CONFIGURATION)


@pytest.fixture
def fleet(home: Home) -> Iterator[Fleet]:
    """Serve a fleet with its page."""
    with serving(home, mounts=[routes.mount]) as fleet:
        yield fleet


@pytest.fixture
def house(fleet: Fleet) -> House:
    """Return a fleet that has seen something."""
    return House(fleet)


@pytest.fixture
def client(house: House) -> Iterator[Client]:
    """Somebody who is logged in."""
    client = Client(house.fleet)
    assert client.log_in(house.token).ok
    yield client
    client.http.close()


@pytest.fixture(scope="module")  # its event loop stays around as long as it does, and others want their own
def browser() -> Iterator[Browser]:
    """Debian's Chromium, on a network where nothing else happens."""
    program = installed_chromium()
    with quiet_network(), launched(program) as browser:
        yield browser


@pytest.fixture
def looking(looking_at: Any, house: House) -> Any:
    """Return how a person begins to look at the page of the house: `looking(width=..., scheme=...)`."""
    return partial(looking_at, house.fleet.port)


@pytest.fixture
def looking_at(browser: Browser) -> Iterator[Any]:
    """Return how a person begins to look at the page of a server, by its port."""
    contexts = []

    def begin(port: int, width: int = 1280, scheme: Any = "light", **options: Any) -> Looking:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            reduced_motion="reduce",  # a message that just comes up has the contrast of half a message
            ignore_https_errors=True,
            **options,
        )
        context.set_default_timeout(90_000)  # for what takes one on a quiet machine
        contexts.append(context)
        return Looking(context.new_page(), f"https://127.0.0.1:{port}")

    yield begin
    for context in contexts:
        context.close()
