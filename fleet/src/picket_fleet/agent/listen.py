"""Hear what the server wants this device to run, and keep it: after a restart nobody need be there to say it again."""

import threading
from collections.abc import Callable

import msgspec

from picket_fleet.agent.device import Device
from picket_fleet.agent.errors import AgentError, TargetError
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.server import Server
from picket_fleet.agent.target import Target, read
from picket_fleet.errors import FleetError

FILE = "target.json"
SHORTEST_POLL_SECONDS = 0.2


class Listener:
    """A thread that waits for the server's word.

    `running` says what a delta could be from, `heard` is given each word that makes sense, and `trouble` is told what
    is wrong ("" for nothing) with the "server" or the "target".
    """

    def __init__(
        self,
        device: Device,
        folder: Folder,
        server: Server,
        running: Callable[[], str],
        heard: Callable[[Target], None],
        trouble: Callable[[str, str], None],
    ) -> None:
        """Ask nothing yet."""
        self._device, self._folder, self._server = device, folder, server
        self._running, self._heard, self._trouble = running, heard, trouble

    def run(self, stopping: threading.Event) -> None:
        """Listen until told to stop."""
        settings, etag, answer = self._device.settings, "", None
        patience = settings.first_retry_seconds
        while not stopping.is_set():
            try:
                answer = self._server.target(self._base(), etag, settings.poll_seconds if etag else 0)
                if answer:
                    etag = ""
                    self._take(answer.body)
                    etag = answer.etag
                self._trouble("server", "")
                patience = settings.first_retry_seconds
                if answer is None:
                    stopping.wait(SHORTEST_POLL_SECONDS)  # a server that is about to stop lets nobody wait
                continue
            except TargetError as error:
                self._trouble("target", str(error))
                etag = answer.etag if answer else ""
                if etag:
                    continue
            except FleetError as error:
                self._trouble("server", str(error))
            except OSError as error:  # a full disk: the server is there to hear of it
                self._trouble("target", str(error))
            stopping.wait(patience)
            patience = min(2 * patience, settings.last_retry_seconds)

    def _take(self, answer: bytes) -> None:
        target = read(answer, self._device)
        self._folder.write(FILE, msgspec.json.encode(msgspec.structs.replace(target, offer=None)))
        self._trouble("target", "")
        self._heard(target)

    def _base(self) -> str:
        try:
            return self._running()
        except AgentError:
            return ""
