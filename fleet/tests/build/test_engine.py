"""The engine's side of a build, where it is not what one hopes for."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from picket_fleet.build.engine import Engine
from picket_fleet.build.errors import BuildError
from picket_fleet.build.project import Recipe

STEP = json.dumps({"stream": "\x1b[91mStep 1/2\n\x1b[0m"}).encode()


class FakeEngine(BaseHTTPRequestHandler):
    """Answers as an engine does, until it is to say how a build goes."""

    protocol_version = "HTTP/1.1"
    ending = b""

    def do_GET(self) -> None:
        body = json.dumps({"ApiVersion": "1.41", "Arch": "amd64", "Os": "linux"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(STEP), STEP) + self.ending)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeEngine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"tcp://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (b"", "the engine does not answer any more"),
        (b"4\r\n{\"er", "the engine does not answer any more"),
        (b"0\r\n\r\n", "the engine names no image"),
        (b"12\r\n{\"error\": \"oh no\"}\r\n0\r\n\r\n", "oh no"),
    ],
    ids=["killed", "killed-in-a-word", "no-image", "error"],
)  # fmt: skip
def test_a_build_that_ends_badly_is_told(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: bytes, why: str
) -> None:
    monkeypatch.setattr(FakeEngine, "ending", ending)
    (tmp_path / "context.tar").write_bytes(b"context")
    engine = Engine(address, "linux/amd64")
    said: list[str] = []

    with pytest.raises(BuildError, match=f"hub/Dockerfile: {why}"):
        engine.build(Recipe(dockerfile="hub/Dockerfile"), tmp_path / "context.tar", cached=True, say=said.append)

    assert said == ["Step 1/2"]
    engine.close()
