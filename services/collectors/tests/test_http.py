"""Web services and how they misbehave, over real connections and TLS."""

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any

import pytest

from picket_collectors.source import AskedToWaitError, Site, SourceError, Stopped
from picket_collectors.sources.http import Auth, Config, Value, open_source
from picket_collectors.web import MAX_ANSWER_BYTES
from picket_simulator.weather import Weather
from tests.servers.listener import Listener, Reply

DOCUMENT = b'{"current": {"temperature": 7.5}}'
WARM = {"temperature_c": Value(path="current.temperature")}


class Server:
    """A server that answers by the test's word, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.reply: Callable[[str, Any], Reply] = lambda _path, _headers: (200, {}, DOCUMENT)
        self.listener = Listener(self._serve)
        self.listener.start()

    def _serve(self, _method: str, path: str, headers: Any, _body: bytes) -> Reply:
        self.asked.append((path, headers))
        return self.reply(path, headers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.port}/v1?appid=hunter2"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.listener.stop()


def http(server: Server, site: Site, **settings: Any) -> Any:
    return open_source(Config(**{"url": server.url, "measures": "weather", "values": WARM, **settings}), site)


def warm(source: Any) -> float | None:
    values: dict[str, float | None] = source.sample()[-1].values
    return values["temperature_c"]


def test_a_server_is_asked_for_the_document_with_all_that_it_wants(server: Server, site: Site) -> None:
    source = http(server, site, headers={"X-Unit": "metric"}, auth=Auth(header="X-Key", token="schlüssel"))

    assert warm(source) == 7.5
    assert source.figures() == {"document_bytes": len(DOCUMENT)}
    ((path, headers),) = server.asked
    assert path == "/v1?appid=hunter2"
    assert (headers["Accept"], headers["X-Unit"]) == ("application/json", "metric")
    assert headers["X-Key"].encode("latin-1").decode() == "schlüssel"


def test_what_has_not_changed_is_not_sent_again_and_still_holds(server: Server, site: Site) -> None:
    def reply(_path: str, headers: Any) -> Reply:
        known = headers["If-None-Match"] == '"v1"' and headers["If-Modified-Since"] == "yesterday"
        return (304, {}, b"") if known else (200, {"ETag": '"v1"', "Last-Modified": "yesterday"}, DOCUMENT)

    server.reply = reply
    source = http(server, site)

    assert [warm(source), warm(source)] == [7.5, 7.5]
    assert server.asked[1][1]["If-None-Match"] == '"v1"'


def answers(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Callable[[str, Any], Reply]:
    return lambda _path, _headers: (status, headers or {}, body)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        pytest.param(answers(500), "500 Internal Server Error", id="500"),
        pytest.param(answers(401, body=b'{"message": "key hunter2 is wrong"}'), "401 Unauthorized", id="401"),
        pytest.param(answers(204), "204 No Content", id="204"),
        pytest.param(answers(304), "304 Not Modified", id="304-of-nothing"),
        pytest.param(answers(200, body=b"<html>"), "the answer is no JSON: JSON is malformed: .*", id="garbage"),
        pytest.param(answers(200), "the answer is no JSON: .*", id="empty"),
        pytest.param(answers(200, body=b'{"a": 1'), "the answer is no JSON: .*", id="truncated"),
        pytest.param(answers(200, body=b"[" * 100_000), "the answer is no JSON: .*", id="too-deep"),
        pytest.param(
            answers(200, body=b" " * (MAX_ANSWER_BYTES + 1)), "an answer of more than 1000000 bytes", id="too-large"
        ),
        pytest.param(answers(302, {"Location": "/v1"}), "redirects more than 3 times", id="a-loop"),
        pytest.param(answers(302), "redirects to no address", id="nowhere"),
        pytest.param(answers(302, {"Location": "http://[/"}), "redirects to no address", id="nonsense"),
        pytest.param(answers(302, {"Location": "ftp://x/"}), "redirects to no address", id="no-http"),
        pytest.param(answers(302, {"Location": "http://me:pw@x/"}), "redirects to no address", id="with-a-password"),
    ],
)
def test_a_bad_answer_is_said_with_the_url_but_not_its_query(
    server: Server, site: Site, reply: Callable[[str, Any], Reply], text: str
) -> None:
    server.reply = reply

    with pytest.raises(SourceError, match=rf"^http://127\.0\.0\.1:[0-9]+/v1: {text}$") as caught:
        http(server, site).sample()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "120", 120), (503, "1", 1), (429, "Fri, 01 Jan 2027 00:00:00 GMT", pytest.approx(0, abs=1e10))],
    ids=["429", "503", "a-date"],
)
def test_who_asks_to_wait_is_heard(server: Server, site: Site, status: int, header: str, seconds: float) -> None:
    server.reply = answers(status, {"Retry-After": header})

    with pytest.raises(AskedToWaitError, match=f"/v1: {status} .*; asks to wait [0-9]+ s$") as caught:
        http(server, site).sample()
    assert caught.value.retry_seconds == seconds


KEY = Auth(header="X-Key", token="hunter2")


@pytest.mark.parametrize(
    ("sent", "to", "followed"),
    [
        pytest.param({}, "/v2", True, id="same-host"),
        pytest.param({"auth": KEY}, "/v2", True, id="same-host-with-a-key"),
        pytest.param({}, "http://localhost:PORT/v2", True, id="another-host-with-nothing-of-ours"),
        pytest.param({"auth": KEY}, "http://localhost:PORT/v2", False, id="another-host-with-a-key"),
        pytest.param({"headers": {"X-Key": "k"}}, "http://localhost:PORT/v2", False, id="another-host-with-a-header"),
        pytest.param({"auth": KEY}, "//localhost:PORT/v2", False, id="another-host-without-a-scheme"),
        pytest.param({"auth": KEY}, "http://127.0.0.1:1/v2", False, id="another-port-with-a-key"),
    ],
)
def test_a_redirect_takes_nothing_of_ours_to_another_host(
    server: Server, site: Site, sent: dict[str, Any], to: str, followed: bool
) -> None:
    target = to.replace("PORT", str(server.listener.port))
    server.reply = lambda path, _: (200, {}, DOCUMENT) if path == "/v2" else (302, {"Location": target}, b"")

    if followed:
        assert warm(http(server, site, **sent)) == 7.5
    else:
        with pytest.raises(SourceError, match=r"redirects to http://[a-z0-9.]+:[0-9]+, which must not get") as caught:
            http(server, site, **sent).sample()
        assert "hunter2" not in str(caught.value)
    assert len(server.asked) == 1 + followed


class Wire:
    """A TCP server that says these bytes, in pieces, whatever it is asked."""

    def __init__(self, *pieces: bytes, then_wait: bool = False) -> None:
        self.stop = threading.Event()
        outer = self

        class Client(BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(4096)
                for piece in pieces:
                    self.request.sendall(piece)
                    outer.stop.wait(0.02)
                if then_wait:
                    outer.stop.wait(10)

        self._server = TCPServer(("127.0.0.1", 0), Client)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1?appid=hunter2"

    def __enter__(self) -> "Wire":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._server.shutdown()
        self._server.server_close()


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        pytest.param(lambda: Wire(then_wait=True), "no whole answer within 0.5 s", id="silence"),
        pytest.param(lambda: Wire(HEAD, then_wait=True), "no whole answer within 0.5 s", id="half-a-head"),
        pytest.param(
            lambda: Wire(HEAD + b"Content-Length: 99999\r\n\r\n", *[b" "] * 200),
            "no whole answer within 0.5 s",
            id="a-trickle",
        ),
        pytest.param(
            lambda: Wire(HEAD, *[b"X-A: b\r\n"] * 90), "no whole answer within 0.5 s", id="a-trickle-of-headers"
        ),
        pytest.param(
            lambda: Wire(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 200),
            "no whole answer within 0.5 s",
            id="continue-for-ever",
        ),
        pytest.param(lambda: Wire(HEAD + b"Content-Length: 9\r\n\r\n1"), "hung up within its answer", id="short"),
        pytest.param(
            lambda: Wire(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12"), "hung up within .*", id="short-chunk"
        ),
        pytest.param(lambda: Wire(b"\x16\x03\x01 hunter2\r\n\r\n"), r"no HTTP \(BadStatusLine\)", id="no-http"),
        pytest.param(lambda: Wire(), "RemoteDisconnected|Connection reset by peer", id="hung-up"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_said(site: Site, wire: Callable[[], Wire], text: str) -> None:
    import time

    real = site._replace(clock=time.monotonic)
    patience_seconds = 0.5 if "within 0.5 s" in text else 30
    with wire() as server:
        config = Config(url=server.url, measures="weather", values=WARM, timeout_seconds=patience_seconds)
        with pytest.raises(SourceError, match=rf"^http://127\.0\.0\.1:[0-9]+/v1: ({text})$") as caught:
            open_source(config, real).sample()
    assert "hunter2" not in str(caught.value)


def test_redirects_and_the_answer_have_one_time_together(server: Server, site: Site, time: Any) -> None:
    def slowly(path: str, _headers: Any) -> Reply:
        time.now += 4
        return (200, {}, DOCUMENT) if path == "/3" else (302, {"Location": f"/{int(path[1]) + 1}"}, b"")

    server.reply = slowly
    url = server.url.replace("/v1", "/0")

    with pytest.raises(SourceError, match=r"/[23]: no whole answer within 10 s$"):
        http(server, site, url=url, timeout_seconds=10).sample()
    assert warm(http(server, site, url=url, timeout_seconds=20)) == 7.5


@pytest.mark.parametrize(
    ("url", "text"),
    [
        pytest.param("http://127.0.0.1:1/", "Connection refused", id="refused"),
        pytest.param("http://nowhere.invalid/", ".+", id="no-such-host"),
        pytest.param(f"http://{'a' * 64}.invalid/", "UnicodeError", id="no-host-at-all"),
        pytest.param("http://127.0.0.1:99999/", ".+", id="no-port"),
    ],
)
def test_a_server_that_is_not_there_is_said(site: Site, url: str, text: str) -> None:
    with pytest.raises(SourceError, match=f"^{url}: {text}$"):
        open_source(Config(url=url, measures="weather", values=WARM), site).sample()


def test_a_long_answer_does_not_keep_the_process_from_ending(server: Server, site: Site, time: Any) -> None:
    time.stop_at = time.now - 1

    with pytest.raises(Stopped):
        http(server, site).sample()


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "server.crt", folder / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=test"]
    paths = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[str]:
    """A server with that certificate; the value is its url."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = Listener(lambda *_: (200, {}, DOCUMENT), context)
    listener.start()
    yield f"https://127.0.0.1:{listener.port}/v1"
    listener.stop()


def test_a_server_of_one_s_own_is_trusted_by_its_authority(
    secure: str, certificate: tuple[Path, Path], site: Site
) -> None:
    config = Config(url=secure, measures="weather", values=WARM, ca_file=str(certificate[0]))

    assert warm(open_source(config, site)) == 7.5


@pytest.mark.parametrize(
    ("host", "ca", "text"),
    [
        pytest.param("127.0.0.1", False, "its certificate is not trusted: self-signed certificate", id="unknown"),
        pytest.param("localhost", True, "its certificate is not trusted: Hostname mismatch.*", id="another-name"),
    ],
)
def test_a_certificate_that_proves_nothing_is_refused(
    secure: str, certificate: tuple[Path, Path], site: Site, host: str, ca: bool, text: str
) -> None:
    url = secure.replace("127.0.0.1", host)
    config = Config(url=url, measures="weather", values=WARM, ca_file=str(certificate[0]) if ca else "")

    with pytest.raises(SourceError, match=f"^{url}: {text}$"):
        open_source(config, site).sample()


def test_tls_on_a_plain_port_is_said(server: Server, site: Site) -> None:
    url = server.url.replace("http:", "https:")

    with pytest.raises(SourceError, match=r"^https://127\.0\.0\.1:[0-9]+/v1: .*SSL"):
        http(server, site, url=url).sample()


def test_a_handshake_that_trickles_has_the_same_time(site: Site) -> None:
    import time

    with Wire(b"\x16\x03\x03\x40\x00", *[b"\x02"] * 200) as server:
        config = Config(url=server.url.replace("http:", "https:"), measures="w", values=WARM, timeout_seconds=0.5)
        with pytest.raises(SourceError, match=r"/v1: no whole answer within 0.5 s$"):
            open_source(config, site._replace(clock=time.monotonic)).sample()


def test_an_authority_that_is_not_there_is_said(site: Site) -> None:
    config = Config(url="https://127.0.0.1/", measures="weather", values=WARM, ca_file="/nowhere.crt")

    with pytest.raises(SourceError, match=r"^ca_file /nowhere\.crt can't be read: No such file or directory$"):
        open_source(config, site)


# The simulator's weather


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        pytest.param("500", "500 Internal Server Error", id="500"),
        pytest.param("garbage", "the answer is no JSON.*", id="garbage"),
        pytest.param("429", "429 Too Many Requests; asks to wait 30 s", id="429"),
        pytest.param("slow", "no whole answer within 0.5 s", id="slow"),
    ],
)
def test_the_simulated_weather_can_be_asked_and_misbehaves(site: Site, fault: str, text: str) -> None:
    import msgspec

    config = msgspec.structs.replace(site.config, simulator=msgspec.structs.replace(site.config.simulator, web_port=0))
    with Weather(config, {"weather": {}}) as weather:
        url = f"http://127.0.0.1:{weather.port}/v1/forecast?current=temperature_2m"
        values = {"temperature_c": Value(path="current.temperature_2m")}
        patient = Config(url=url, measures="weather", values=values)
        hasty = msgspec.structs.replace(patient, timeout_seconds=0.5)
        source = open_source(patient, site)

        assert 6 <= (warm(source) or 0) <= 22
        weather.fault("weather", fault)
        with pytest.raises(SourceError, match=f"/v1/forecast: {text}$"):
            open_source(hasty if fault == "slow" else patient, site).sample()
        weather.fault("weather", "clear")
        assert warm(source)
