"""Who gets in, how long, and what a browser is let do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet.tests.page.client import Client
from fleet.tests.server.conftest import serving
from picket_fleet.page import files, routes
from picket_fleet.page.throttle import TRIES, Throttle
from picket_fleet.store import keys, sessions
from picket_fleet.store.database import Database
from picket_fleet.store.sessions import SESSION_SECONDS


@pytest.fixture
def stranger(house: Any) -> Iterator[Client]:
    """Somebody who is not logged in."""
    client = Client(house.fleet)
    yield client
    client.http.close()


@pytest.fixture
def database(home: Any) -> Iterator[Database]:
    """A fleet's database, without a server."""
    database = home.database()
    yield database
    database.close()


def test_a_token_opens_a_session_whose_cookie_no_script_and_no_other_site_gets(house: Any, stranger: Client) -> None:
    answer = stranger.log_in(house.token)

    assert answer.json()["person"] == "anna"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-picket=")
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/", f"Max-Age={SESSION_SECONDS:.0f}"} <= {
        part.strip() for part in cookie.split(";")
    }
    assert "Domain" not in cookie
    assert stranger.get("/page/api/session").json() == answer.json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/page/api/session"),
        ("GET", "/page/api/events"),
        ("GET", "/page/api/log/hall"),
        ("POST", "/page/api/do/rollback"),
        ("POST", "/page/api/logout"),
        ("PUT", "/page/api/events/1"),
    ],
)
def test_nothing_is_told_or_done_without_a_session(stranger: Client, method: str, path: str) -> None:
    assert stranger.post(path, {}, method=method).status_code == 401

    stranger.http.cookies.set("__Host-picket", "0" * 32, secure=True)
    assert stranger.post(path, {}, method=method).status_code == 401


def test_no_other_key_is_a_persons_token(house: Any, stranger: Client) -> None:
    provisioning = house.fleet.provisioning_key()
    old = keys.give_out(house.database, keys.PERSON, "old", expires_at=1.0)

    for token in (provisioning, old, "", house.device("hall").key):
        answer = stranger.log_in(token)
        assert answer.status_code == 403
        assert "fleet token new" in answer.text


def test_who_tries_many_tokens_has_to_wait_and_is_told_for_how_long(house: Any, stranger: Client) -> None:
    for _ in range(TRIES):
        assert stranger.log_in("wrong").status_code == 403

    answer = stranger.log_in(house.token)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert "try again in" in answer.text


def test_after_a_minute_one_may_try_again_and_another_address_always_may() -> None:
    throttle = Throttle()
    for _ in range(TRIES):
        throttle.failed("10.0.0.1", 100.0)

    assert throttle.wait_seconds("10.0.0.1", 130.0) == 30.0
    assert throttle.wait_seconds("10.0.0.1", 161.0) == 0.0
    assert throttle.wait_seconds("10.0.0.2", 130.0) == 0.0


def test_a_session_ends_by_itself_and_with_its_token(database: Database) -> None:
    first = sessions.begin(database, keys.give_out(database, keys.PERSON, "anna"), 0.0)
    second = sessions.begin(database, keys.give_out(database, keys.PERSON, "berta"), 0.0)
    short = sessions.begin(database, keys.give_out(database, keys.PERSON, "clara", expires_at=10.0), 0.0)
    assert first and second and short

    keys.revoke(database, "berta")

    assert [bool(sessions.find(database, secret, SESSION_SECONDS - 1)) for secret, _ in (first, second, short)] == [
        True,
        False,
        False,
    ]
    assert sessions.find(database, first[0], SESSION_SECONDS) is None


def test_neither_a_cookie_nor_what_changes_come_with_is_kept_as_it_is(database: Database) -> None:
    secret, session = sessions.begin(database, keys.give_out(database, keys.PERSON, "anna"), 0.0) or ("", None)

    kept = str([tuple(row) for row in database.all("SELECT * FROM session")])
    assert session and secret != session.csrf
    assert keys.digest_of(secret) in kept
    assert secret not in kept
    assert session.csrf not in kept


def test_of_very_many_sessions_the_first_ends_and_those_that_are_over_are_not_kept(database: Database) -> None:
    key = keys.give_out(database, keys.PERSON, "anna")
    over, *begun = (
        (sessions.begin(database, key, now) or ("", None))[0] for now in (0.0, *[SESSION_SECONDS] * (sessions.MOST + 1))
    )

    assert sessions.find(database, over, 1.0) is None
    assert [bool(sessions.find(database, secret, SESSION_SECONDS)) for secret in (*begun[:2], begun[-1])] == [
        False,
        True,
        True,
    ]


def test_a_session_outlives_a_restart_of_the_server_and_is_over_when_it_ends_meanwhile(home: Any) -> None:
    with serving(home, mounts=[routes.mount]) as fleet:
        clients = [Client(fleet), Client(fleet)]
        for client, name in zip(clients, ("anna", "berta"), strict=True):
            assert client.log_in(keys.give_out(fleet.database, keys.PERSON, name)).ok
        keys.revoke(fleet.database, "berta")

    with serving(home, mounts=[routes.mount]) as fleet:
        for client in clients:
            client.base = f"https://127.0.0.1:{fleet.port}"
        anna, berta = clients

        assert anna.get("/page/api/session").json() == {"person": "anna", "fleet": "house", "csrf": anna.csrf}
        assert anna.do("set_variables", values={"LEVEL": "debug"}).ok
        assert berta.get("/page/api/session").status_code == 401


def test_who_logs_out_has_no_session_any_more(client: Client) -> None:
    cookie = client.http.cookies["__Host-picket"]

    assert client.post("/page/api/logout", {}).ok

    assert "__Host-picket" not in client.http.cookies
    client.http.cookies.set("__Host-picket", cookie, secure=True)
    assert client.get("/page/api/session").status_code == 401


@pytest.mark.parametrize("csrf", ["", "0" * 32])
def test_a_change_has_to_come_from_the_page(client: Client, csrf: str) -> None:
    answer = client.post("/page/api/do/rollback", {}, csrf=csrf)

    assert answer.status_code == 403
    assert "load the page again" in answer.text
    assert client.post("/page/api/logout", {}, csrf=csrf).status_code == 403


def test_a_form_of_another_site_can_do_nothing_not_even_log_in(client: Client) -> None:
    for path in ("/page/api/login", "/page/api/do/rollback"):
        answer = client.http.post(
            f"{client.base}{path}", data='{"token": "x"}', headers={"Content-Type": "text/plain"}, timeout=30
        )
        assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/", "/page/static/page.js", "/page/api/session", "/page/nothing"])
def test_a_browser_is_let_do_little(client: Client, path: str) -> None:
    headers = client.get(path).headers

    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_page_that_is_not_built_says_how_it_comes_to_be(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "STATIC", tmp_path)

    answer = client.get("/")

    assert "make page" in answer.text
    assert client.get("/page/api/session").ok
    assert client.get("/page/static/page.js").status_code == 404


@pytest.mark.parametrize("name", ["..%2froutes.py", "index.html", "%2e%2e%2froutes.py", "page.js.map"])
def test_no_other_file_can_be_named(client: Client, name: str) -> None:
    assert client.get(f"/page/static/{name}").status_code == 404
