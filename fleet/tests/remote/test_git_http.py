"""Git over HTTP: who has a token pushes and fetches, nobody else sees anything."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from aiohttp import web

from fleet.tests.pushing import BASE, House, opened, with_token
from fleet.tests.remote.test_receive import SLOW, start, stop
from picket_fleet.remote.git_http import routes
from picket_fleet.store import keys, releases
from tests.servers.waiting import wait_for

SERVICE = "info/refs?service=git-receive-pack"


class Served:
    """A fleet's git remote over HTTP, in a thread."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner, port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        self.root = f"http://127.0.0.1:{port}"
        self.address = f"{self.root}/git/house.git"

    def token(self, kind: str = keys.PERSON, expires_at: float | None = None) -> str:
        with opened(self.house.home) as database:
            return keys.give_out(database, kind, f"{kind}-{expires_at}", expires_at)

    def get(self, path: str, token: str | None = None) -> requests.Response:
        # Sent as it is: a client that is up to no good tidies no paths.
        request = requests.Request("GET", self.root, auth=("me", token) if token else None).prepare()
        request.url = self.root + path
        with requests.Session() as session:
            return session.send(request, timeout=30)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    async def _start(self) -> tuple[web.AppRunner, int]:
        app = web.Application()
        app.add_routes(routes(self.house.home))
        runner = web.AppRunner(app, auto_decompress=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]


@pytest.fixture
def unbuilt(tmp_path: Path) -> Iterator[Served]:
    """A fleet without an engine."""
    served = Served(House(tmp_path, "unix:///nowhere"))
    yield served
    served.stop()


@pytest.fixture
def served(house: House) -> Iterator[Served]:
    """A fleet with an engine, and something to push."""
    served = Served(house)
    yield served
    served.stop()


def test_nobody_sees_anything_without_a_good_token(unbuilt: Served) -> None:
    tokens = [None, "", "wrong", unbuilt.token(keys.PROVISIONING), unbuilt.token(expires_at=1.0)]

    answers = [unbuilt.get(f"/git/house.git/{SERVICE}", token) for token in tokens]

    assert {answer.status_code for answer in answers} == {401}
    assert all(answer.headers["WWW-Authenticate"].startswith("Basic ") for answer in answers)


@pytest.mark.parametrize(
    "path",
    [
        f"/git/other.git/{SERVICE}",
        "/git/house.git/HEAD",
        "/git/house.git/config",
        "/git/house.git/objects/info/packs",
        "/git/house.git/../fleet.sqlite",
        "/git/house.git/%2e%2e/fleet.sqlite",
        "/git/house.git/..%2fkeys%2fsigning.key",
        "/git/house.git/info/refs",
        "/git/house.git/info/refs?service=git-shell",
        "/git/house.git/info/refs?service=git-upload-pack&x=1",
        "/git/../fleet.sqlite",
    ],
)
def test_nothing_but_gits_own_protocol_is_served(unbuilt: Served, path: str) -> None:
    assert unbuilt.get(path, unbuilt.token()).status_code in (403, 404)


def test_a_token_opens_it(unbuilt: Served) -> None:
    answer = unbuilt.get(f"/git/house.git/{SERVICE}", unbuilt.token())

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-git-receive-pack-advertisement"
    assert answer.content.startswith(b"001f# service=git-receive-pack\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_push_with_a_token_builds_and_one_without_is_refused(served: Served, tmp_path: Path) -> None:
    house = served.house
    house.git("remote", "set-url", "fleet", with_token(served.address, "guessed"))
    assert "Authentication failed" in house.push(check=False)
    assert house.releases() == []

    token = served.token()
    house.git("remote", "set-url", "fleet", with_token(served.address, token))
    said = house.push("-o", "note=over HTTP")

    assert "remote: [hub]        Step 1/" in said
    assert "[Success]" in said
    assert house.releases()[0].note == "over HTTP"
    with opened(house.home) as database:
        assert releases.tags(database, house.releases()[0].id)["pushed.by"] == "person-None"
    house.git("clone", "--quiet", with_token(served.address, token), str(tmp_path / "clone"))
    assert (tmp_path / "clone" / "hub" / "hub.py").exists()


@pytest.mark.slow
def test_a_large_push_and_a_failed_one_are_told_over_http_too(served: Served) -> None:
    house = served.house
    house.git("remote", "set-url", "fleet", with_token(served.address, served.token()))
    noise = "".join(f"{number * 7919 % 1_000_003:x}" for number in range(1_000_000))
    house.commit({"hub/noise": noise, "relay/Dockerfile": f"FROM {BASE}\nRUN exit 4\n"})

    said = house.push(check=False)

    assert "returned a non-zero code: 4" in said
    assert "[remote rejected]" in said


@pytest.mark.slow
def test_who_hangs_up_cancels_the_build(served: Served) -> None:
    house = served.house
    house.git("remote", "set-url", "fleet", with_token(served.address, served.token()))
    house.commit({"hub/Dockerfile": SLOW})

    stop(start(house), 9)

    wait_for("the build to be cancelled", lambda: [r.status for r in house.releases()] == ["cancelled"])
