"""A service's ways to the hub, where something else has answered on the hub's ports before."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from picket.bus.journal import Batch, Query
from picket.config import load_with_origins
from picket.messages import Fault
from picket.service import Runtime
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

Impostor = Callable[[int], AbstractContextManager[Event]]

#          signature, version 3, mechanism, as server, filler
GREETING = b"\xff" + b"\0" * 8 + b"\x7f\3\0%b\0" + b"\0" * 31
FAULT = Fault(time_ns=1, service="x", subject="probe", state="begin", text="gone")


def words(said: bytes) -> Impostor:
    """Say so to whoever connects, and hang up when nothing more comes; the event is set when one has been served."""

    @contextmanager
    def impostor(port: int) -> Iterator[Event]:
        served, closing = Event(), Event()

        def serve(server: socket.socket) -> None:
            while not closing.is_set():
                with suppress(OSError):
                    client, _ = server.accept()
                    with client:
                        client.settimeout(0.2)
                        client.sendall(said)
                        with suppress(OSError):
                            while client.recv(4096):
                                pass
                        served.set()

        with socket.create_server(("127.0.0.1", port)) as server:
            server.settimeout(0.05)
            thread = Thread(target=serve, args=(server,))
            thread.start()
            try:
                yield served
            finally:
                closing.set()
                thread.join()

    return impostor


class Service:
    """A service that uses each way to the hub there is."""

    def __init__(self, release: Release, closing: ExitStack) -> None:
        self.heard: list[str] = []
        self.read: list[Batch] = []
        self.answers: list[bytes | None] = []
        self.runtime = Runtime("x", load_with_origins(release.file, release.environment))
        closing.enter_context(self.runtime.closing)
        self.runtime.subscribe(["fault.x"], lambda topic, _: self.heard.append(topic))
        self.runtime.read_journal(Query(("fault.x",)), self.read.append)
        self.runtime.serve("question.", lambda *_: b"answer")
        self.requester = self.runtime.requester()

    def until(self, what: str, look: Callable[[], object]) -> None:
        """Let the service run until something is so."""

        def turn() -> object:
            self.runtime.loop.turn(0.05)
            return look()

        wait_for(what, turn)

    def answered(self) -> bool:
        """Ask again, and tell whether an answer has come to any question."""
        self.requester.request("question.x", b"", 1.0, lambda body, _: self.answers.append(body))
        return b"answer" in self.answers


@pytest.mark.parametrize(
    "impostor",
    [
        words(GREETING % b"PLAIN".ljust(20, b"\0")),
        words(GREETING % b"NULL".ljust(20, b"\0") + b"\0\3who"),
        words(b"\xff" * 4000),
        words(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
    ids=["another-mechanism", "no-handshake", "rubbish", "http"],
)
def test_a_service_reaches_the_hub_whatever_answered_on_its_ports_before(tmp_path: Path, impostor: Impostor) -> None:
    with Release(tmp_path) as release, ExitStack() as closing:
        hub = release.config.hub
        with ExitStack() as impostors:
            ports = (hub.ingest_port, hub.live_port, hub.request_port)
            served = [impostors.enter_context(impostor(port)) for port in ports]
            service = Service(release, closing)
            service.until("them to have been dialled", lambda: all(event.is_set() for event in served))

        release.start_hub()
        service.runtime.producer.publish("fault.x", FAULT)
        service.until("the hub to have it", lambda: not service.runtime.producer.pending)
        service.until("it to be read", lambda: service.read)
        service.until("an answer", service.answered)
        service.until("it to be heard", lambda: service.runtime.producer.publish("fault.x", FAULT) or service.heard)
