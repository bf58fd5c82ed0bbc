"""How the agent hears the server's word, with a server and a disk that fail."""

import threading
from pathlib import Path

from picket_fleet.agent.device import Device, Settings
from picket_fleet.agent.errors import ServerGoneError
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.listen import Listener
from picket_fleet.agent.server import Answer, Server
from picket_fleet.agent.target import Target

UUID = "a" * 32
WORD = Answer('"1"', f'{{"state": {{"{UUID}": {{"name": "hall"}}}}}}'.encode())
DEVICE = Device(UUID, "key", "https://10.0.0.5:8443", "0" * 64, "0" * 64, settings=Settings(first_retry_seconds=1.0))


class Stopping(threading.Event):
    """An end that is not waited for in real time."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return self.is_set()


class FakeServer(Server):
    """Says what it is to say, one after the other, and ends the listening with the last."""

    def __init__(self, *says: Answer | Exception | None) -> None:
        super().__init__(DEVICE)
        self.says = list(says)
        self.asked: list[tuple[str, str, float]] = []
        self.stopping = Stopping()

    def target(self, running: str, etag: str, wait_seconds: float) -> Answer | None:
        self.asked.append((running, etag, wait_seconds))
        said = self.says.pop(0)
        if not self.says:
            self.stopping.set()
        if isinstance(said, Exception):
            raise said
        return said


def listen(folder: Path, server: FakeServer) -> tuple[list[Target], dict[str, str]]:
    """Listen until the server has said all; return what was heard, and what is wrong in the end."""
    heard: list[Target] = []
    troubles: dict[str, str] = {}
    Listener(DEVICE, Folder(folder), server, lambda: "c" * 32, heard.append, troubles.__setitem__).run(server.stopping)
    return heard, troubles


def test_a_word_is_kept_and_waited_from(tmp_path: Path) -> None:
    server = FakeServer(WORD, None)

    heard, troubles = listen(tmp_path, server)

    kept = Folder(tmp_path).kept("target.json", Target)
    assert [target.name for target in heard] == ["hall"]
    assert kept == heard[0]
    assert server.asked == [("c" * 32, "", 0), ("c" * 32, '"1"', DEVICE.settings.poll_seconds)]
    assert troubles == {"server": "", "target": ""}


def test_a_server_that_is_away_is_asked_again(tmp_path: Path) -> None:
    heard, troubles = listen(tmp_path, FakeServer(ServerGoneError("away"), WORD))

    assert len(heard) == 1
    assert troubles["server"] == ""


def test_a_word_that_can_not_be_kept_is_asked_for_again_and_told_as_the_targets_trouble(tmp_path: Path) -> None:
    (tmp_path / ".target.json.new").mkdir()  # where it would be written
    server = FakeServer(WORD, WORD)

    heard, troubles = listen(tmp_path, server)

    assert not heard
    assert [etag for _, etag, _ in server.asked] == ["", ""]
    assert ".target.json.new" in troubles["target"]


def test_a_server_that_says_nonsense_is_asked_less_and_less(tmp_path: Path) -> None:
    server = FakeServer(*[Answer("", b"<html>")] * 3)

    heard, troubles = listen(tmp_path, server)

    assert not heard
    assert server.stopping.waited == [1.0, 2.0, 4.0]
    assert troubles["target"].startswith("the target state makes no sense")


def test_a_target_that_makes_no_sense_is_waited_from_like_any_other(tmp_path: Path) -> None:
    server = FakeServer(Answer('"2"', b"{}"), None)

    listen(tmp_path, server)

    assert [etag for _, etag, _ in server.asked] == ["", '"2"']
