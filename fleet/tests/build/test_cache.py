"""What builds leave in the engine: kept for the next ones, and removed when none has used it for long."""

import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import docker
import pytest
from docker.errors import ImageNotFound

from fleet.tests.pushing import House, opened
from picket_fleet.build import cache
from picket_fleet.build.cache import Steps, prune
from picket_fleet.errors import FleetError
from picket_fleet.home import Configuration, Home, create
from picket_fleet.store import built
from picket_fleet.store.database import Database

SAID = """\
Step 1/3 : FROM busybox
 ---> 000000000000
Step 2/3 : RUN make
 ---> Running in 111111111111
Removing intermediate container 111111111111
 ---> 222222222222
Step 3/3 : LABEL io.picket.x=1
 ---> Using cache
 ---> 333333333333
Successfully built 333333333333
"""


def test_what_a_build_makes_and_finds_is_heard_and_what_it_begins_from_is_not() -> None:
    said: list[str] = []
    images: list[str] = []
    steps = Steps(said.append, images)

    for line in SAID.splitlines():
        steps.hear(line)

    assert images == ["222222222222", "333333333333"]
    assert said == SAID.splitlines()


class FakeEngine(BaseHTTPRequestHandler):
    """An engine's images: what each is made of, and its name; it removes none that another is made of."""

    protocol_version = "HTTP/1.1"
    images: ClassVar[dict[str, dict[str, Any]]] = {}

    def do_GET(self) -> None:
        *_, image, _what = self.path.split("/")
        if not self.path.endswith("/json"):
            self._answer(200, {"ApiVersion": "1.41", "Arch": "amd64", "Os": "linux"})
        elif image in self.images:
            self._answer(200, {"Id": image, "RepoTags": self.images[image].get("tags", []), "RepoDigests": []})
        else:
            self._answer(404, {"message": "no such image"})

    def do_DELETE(self) -> None:
        image = self.path.split("/")[-1].partition("?")[0]
        if any(other.get("of") == image for other in self.images.values()):
            return self._answer(409, {"message": "image has dependent child images"})
        del self.images[image]
        return self._answer(200, [])

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A fleet whose engine is a fake, and keeps what the last two builds used."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeEngine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(cache, "KEPT", 2)
    monkeypatch.setattr(FakeEngine, "images", {})
    address = f"tcp://127.0.0.1:{server.server_port}"
    yield create(
        tmp_path / "fleet", Configuration("house", "genericx86-64-ext", "https://127.0.0.1", "127.0.0.1:0", address)
    )
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    """The fleet's database."""
    with opened(home) as database:
        yield database


def test_what_no_build_has_used_for_long_goes_with_all_that_it_was_made_of(home: Home, database: Database) -> None:
    FakeEngine.images = {"base": {"tags": ["base:1"]}, "a": {"of": "base"}, "b": {"of": "a"}, "c": {"of": "b"}}
    FakeEngine.images |= {"d": {"of": "a"}, "theirs": {}}
    for images in (["a", "b", "c"], ["a", "d"], ["a", "d"]):
        built.use(database, images)

        prune(home, database)

    assert FakeEngine.images.keys() == {"base", "a", "d", "theirs"}
    assert built.unused(database, 0) == ["d", "a"]


def test_what_somebody_needs_stays_until_nobody_does(home: Home, database: Database) -> None:
    FakeEngine.images = {"a": {"tags": ["mine:1"]}, "b": {}, "c": {}, "theirs": {"of": "b"}}
    for images in (["a", "b", "gone"], ["c"], ["c"]):
        built.use(database, images)

    prune(home, database)
    assert FakeEngine.images.keys() == {"a", "b", "c", "theirs"}

    del FakeEngine.images["theirs"]
    prune(home, database)
    assert FakeEngine.images.keys() == {"a", "c"}


def test_an_engine_that_is_away_loses_nothing(home: Home, database: Database) -> None:
    away = Home(home.folder, Configuration("house", "genericx86-64-ext", "https://127.0.0.1", engine="unix:///nowhere"))
    for images in (["a"], ["b"], ["b"]):
        built.use(database, images)

    with pytest.raises(FleetError, match="no container engine answers"):
        prune(away, database)

    assert built.unused(database, 2) == ["a"]


@pytest.mark.slow
def test_pushes_leave_no_more_than_the_last_ones_need(house: House, engine: str) -> None:
    house.meddle("import picket_fleet.build.cache as cache\ncache.KEPT = 2\n")

    def push() -> set[str]:
        house.push()
        with opened(house.home) as database:
            return set(built.unused(database, 0))

    def is_there(image: str) -> bool:
        try:
            return bool(api.inspect_image(image))
        except ImageNotFound:
            return False

    house.commit({"hub/hub.py": secrets.token_hex(8)})
    first = push()
    for _ in range(2):
        house.commit({"hub/hub.py": secrets.token_hex(8)})
        last = push()

    api = docker.APIClient(base_url=engine, version="auto")
    assert first - last
    assert [image for image in first - last if is_there(image)] == []
    assert [image for image in last if not is_there(image)] == []
    api.close()
    house.git("commit", "--quiet", "--allow-empty", "--message=the same")
    assert "Running in" not in house.push()
