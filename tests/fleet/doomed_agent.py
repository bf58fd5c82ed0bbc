"""The agent of a device to which something happens at a certain moment of an update, once.

doomed_agent.py FOLDER MOMENT WHAT
MOMENT      before:STEP, a step of its progress file that is written down and not begun
            amid:download, when the first piece is on the disk
            amid:load, when the engine has got half a megabyte of the archive
WHAT        kill:PID, of the engine or the server; kill:0 is the agent itself
            fill:FILE, which takes what is left of its disk
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from picket_fleet import cli
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.folder import Folder, Progress
from picket_fleet.agent.server import Server

HALF_A_MEGABYTE = 1 << 19


class _Doom:
    def __init__(self, what: str) -> None:
        self._what, _, self._of = what.partition(":")
        self._is_done = False

    def strike(self) -> None:
        if self._is_done:
            return
        self._is_done = True
        if self._what == "kill":
            os.kill(int(self._of) or os.getpid(), signal.SIGKILL)
        else:
            with suppress(OSError), Path(self._of).open("wb", buffering=0) as file:
                while file.write(bytes(4096)) == 4096:
                    pass


def _before(step: str, doom: _Doom) -> None:
    begin = Folder.begin

    def striking(self: Folder, progress: Progress) -> None:
        begin(self, progress)
        if progress.step == step:
            doom.strike()

    Folder.begin = striking  # type: ignore[method-assign]


def _amid_download(doom: _Doom) -> None:
    receive = Server._receive

    def striking(self: Server, response: object, write: Callable[[bytes], object], *others: object) -> None:
        def then_strike(piece: bytes) -> None:
            write(piece)
            write.__self__.flush()  # type: ignore[attr-defined]
            doom.strike()

        receive(self, response, then_strike, *others)  # type: ignore[arg-type]

    Server._receive = striking  # type: ignore[assignment, method-assign]


def _amid_load(doom: _Doom) -> None:
    load = Engine.load

    def strike_amid(archive: Iterable[bytes]) -> Iterator[bytes]:
        sent = 0
        for piece in archive:
            yield piece
            sent += len(piece)
            if sent > HALF_A_MEGABYTE:
                doom.strike()

    def striking(self: Engine, archive: Iterable[bytes]) -> None:
        load(self, strike_amid(archive))

    Engine.load = striking  # type: ignore[method-assign]


if __name__ == "__main__":
    _, folder, moment, what = sys.argv
    when, _, step = moment.partition(":")
    doom = _Doom(what)
    if when == "before":
        _before(step, doom)
    else:
        {"download": _amid_download, "load": _amid_load}[step](doom)
    sys.exit(cli.main(["device", "run", "--folder", folder]))
