"""The server as a process: it says where it is, holds a delta's making apart, and ends when it is told."""

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from picket_fleet.deltas.release import MAGIC
from picket_fleet.errors import FleetError
from picket_fleet.server.deltas import make_apart
from picket_fleet.store import releases
from picket_fleet.zstandard import zstd

SERVE = """
import logging, pathlib, sys
from picket_fleet.server.app import serve
logging.basicConfig(level=logging.INFO)
serve(pathlib.Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_when_it_is_told(home: Any, end: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(home.folder)], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = next(line for line in process.stderr if "https on" in line)

    os.kill(process.pid, end)

    assert re.search(r"fleet house: https on 127\.0\.0\.1:\d+", said)
    assert process.wait(90) == 0
    process.stderr.close()


def layer(home: Any, folder: Path, text: str) -> bytes:
    """Put a layer with one file into the fleet's store; returns its tar."""
    folder.mkdir()
    (folder / "main.py").write_text(text)
    with tarfile.open(folder / "layer.tar", "w") as tar:
        tar.add(folder / "main.py", "main.py")
    data = (folder / "layer.tar").read_bytes()
    home.layer(hashlib.sha256(data).hexdigest()).write_bytes(zstd.compress(data))
    return data


@pytest.mark.slow
def test_a_delta_that_nobody_has_made_is_made_apart(fleet: Any, tmp_path: Path) -> None:
    base, target = (
        fleet.publish(layer(fleet.home, tmp_path / name, f"print({name!r})\n" * 100)) for name in ("one", "two")
    )

    asyncio.run(make_apart(fleet.home, base.commit_id, target.commit_id))

    assert fleet.home.delta(base.commit_id, target.commit_id).read_bytes().startswith(MAGIC)


@pytest.mark.slow
def test_why_a_delta_can_not_be_made_is_said_in_a_line(fleet: Any) -> None:
    release = fleet.publish()

    with pytest.raises(FleetError, match=r"^[^\n]+$"):
        asyncio.run(make_apart(fleet.home, "b" * 32, release.commit_id))
    assert releases.of_commit(fleet.database, "b" * 32) is None
