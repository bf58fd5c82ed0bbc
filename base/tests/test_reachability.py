import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from picket_base.reachability import reach
from tests.servers.ports import free_ports


class Refuses(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_page_that_is_not_there_still_answers(web: int) -> None:
    assert f"http://127.0.0.1:{web}/x answers 404 after" in reach(f"http://127.0.0.1:{web}/x")


def test_a_port_that_listens_answers_and_one_that_does_not_is_said_with_its_reason(web: int) -> None:
    (port,) = free_ports(1)

    assert "answers after" in reach(f"127.0.0.1:{web}")
    assert reach(f"127.0.0.1:{port}") == f"127.0.0.1:{port} can't be reached: Connection refused"


@pytest.mark.parametrize(
    "address",
    [
        "nobody.invalid",
        "nobody.invalid:80",
        "http://nobody.invalid/",
        "ftp://127.0.0.1/",
        "host:port",
        "",
        ":",
        "http://",
    ],
)
def test_whatever_is_asked_for_is_one_line(address: str) -> None:
    line = reach(address, 1)

    assert "can't be reached: " in line and "\n" not in line
