"""Making and applying updates by our deltas and by other ways, each in a process of its own that is measured.

Other ways: `docker pull` of the layers that changed, gzipped as registries have them, and balenaEngine's deltas
(daemon/images/image_delta.go): for each image, one signature over the tars of all of the old image's layers, one after
the other, in blocks of 512 bytes with 32 bytes of BLAKE2; for each layer of the new image that stands on others than it
did, librsync's delta against that, which the registry sends gzipped. Here rdiff does the same. Manifests and configs
are not counted, and what several images have in common is counted once: that is in favour of the other ways.
"""

import gzip
import hashlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from picket_fleet.deltas.apply import Delta
from picket_fleet.deltas.layers import TarLayer
from picket_fleet.deltas.load import Content, EngineLayers, archive, from_layer, lacking
from picket_fleet.deltas.make import make
from picket_fleet.deltas.overlay import chain_ids
from picket_fleet.deltas.release import Image, layers_of

SIGNATURE = ("--hash=blake2", "--block-size=512", "--sum-size=32", "signature")
PIECE = 1 << 20
LOOK_SECONDS = 0.002
Pairs = Sequence[tuple[Image, Image]]


class Used(NamedTuple):
    """What a work took; megabytes are resident, of its process at the most, libraries and all."""

    seconds: float
    megabytes: float


def measured(work: Callable[..., float], *arguments: object) -> Used:
    """Do a work in a process of its own; it returns the most megabytes of the programs that it ran, or 0."""
    order = pickle.dumps((work.__name__, arguments))
    done = subprocess.run([sys.executable, "-m", __name__], input=order, capture_output=True, check=False)
    assert done.returncode == 0, f"{work.__name__}: {done.stderr.decode()[-2000:]}"
    return Used(*pickle.loads(done.stdout))


def _do(order: bytes) -> bytes:
    name, arguments = pickle.loads(order)
    begin = time.monotonic()
    others = globals()[name](*arguments)
    return pickle.dumps((time.monotonic() - begin, max(others, _peak("self"))))


def make_delta(layers: Path, base: Sequence[Image], target: Sequence[Image], delta: Path) -> float:
    """Make a delta of ours."""
    delta.write_bytes(make(base, target, lambda diff_id: TarLayer(layers / diff_id)))
    return 0


def apply_delta(delta: Path, base: Sequence[Image], root: Path) -> float:
    """Rebuild and check every layer from those of a device's engine, whose folder is `root`."""
    layers = EngineLayers(root, [image.layers for image in base])
    opened = Delta(delta.read_bytes(), base)
    for layer in opened.layers:
        for _ in opened.rebuild(layer, layers.open):
            pass
    return 0


def load_delta(delta: Path, base: Sequence[Image], root: Path, host: str) -> float:
    """Do the same into a device's engine, as the agent does."""
    layers = EngineLayers(root, [image.layers for image in base])
    opened = Delta(delta.read_bytes(), base)
    new = {layer.diff_id: layer for layer in opened.layers}

    def content(diff_id: str) -> Content:
        if layer := new.get(diff_id):
            return Content(layer.size, lambda: opened.rebuild(layer, layers.open))
        return from_layer(diff_id, layers.open(diff_id))

    _load(opened.images, lacking(opened.images, layers.chains), content, host)
    return 0


def load_whole(layers: Path, images: Sequence[Image], host: str) -> float:
    """Load images into an engine that has nothing."""
    _load(images, layers_of(images), lambda diff_id: from_layer(diff_id, TarLayer(layers / diff_id)), host)
    return 0


def pulled(base: Sequence[Image], target: Sequence[Image]) -> list[str]:
    """Return the layers that `docker pull` downloads: those that stand on others than before."""
    known = {chain for image in base for chain in chain_ids(image.layers)}
    return lacking(target, known)


def make_pulled(layers: Path, needed: Sequence[str], out: Path) -> float:
    """Compress layers."""
    for diff_id in needed:
        with (layers / diff_id).open("rb") as tar, gzip.open(out / diff_id, "wb", compresslevel=6) as file:
            shutil.copyfileobj(tar, file, PIECE)
    return 0


def apply_pulled(needed: Sequence[str], out: Path) -> float:
    """Unpack and check layers."""
    for diff_id in needed:
        with gzip.open(out / diff_id, "rb") as unpacked:
            assert hashlib.file_digest(unpacked, "sha256").hexdigest() == diff_id
    return 0


def make_rdiff(layers: Path, pairs: Pairs, out: Path) -> float:
    """Make balenaEngine's deltas of images."""
    peak = 0.0
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        basis, signature, delta = (Path(folder, name) for name in ("basis", "signature", "delta"))
        for number, (old, new) in enumerate(pairs):
            _concatenate(layers, old, basis)
            peak = max(peak, _rdiff(*SIGNATURE, basis, signature))
            for place in _moved(old, new):
                peak = max(peak, _rdiff("delta", signature, layers / new.layers[place], delta))
                (out / f"{number}-{place}").write_bytes(gzip.compress(delta.read_bytes(), 6, mtime=0))
    return peak


def apply_rdiff(layers: Path, pairs: Pairs, out: Path) -> float:
    """Apply them, and check the layers; the old image's layers, which the engine reads as a stream, are a file here."""
    peak = 0.0
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        basis, delta, layer = (Path(folder, name) for name in ("basis", "delta", "layer"))
        for number, (old, new) in enumerate(pairs):
            _concatenate(layers, old, basis)
            for place in _moved(old, new):
                delta.write_bytes(gzip.decompress((out / f"{number}-{place}").read_bytes()))
                peak = max(peak, _rdiff("patch", basis, delta, layer))
                with layer.open("rb") as file:
                    assert hashlib.file_digest(file, "sha256").hexdigest() == new.layers[place]
    return peak


def bytes_of(out: Path) -> int:
    """Return the bytes of a folder's files, equal ones once."""
    return sum(map(len, {file.read_bytes() for file in out.iterdir()}))


def _load(images: Sequence[Image], needed: Sequence[str], content: Callable[[str], Content], host: str) -> None:
    command = ["docker", "--host", host, "load", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as loading:
        assert loading.stdin
        for piece in archive(images, needed, content, {}):
            loading.stdin.write(piece)
    assert loading.returncode == 0


def _moved(old: Image, new: Image) -> list[int]:
    """Return the places of the layers that stand on others than before."""
    known = set(chain_ids(old.layers))
    return [place for place, chain in enumerate(chain_ids(new.layers)) if chain not in known]


def _concatenate(layers: Path, image: Image, basis: Path) -> None:
    with basis.open("wb") as out:
        for diff_id in image.layers:
            with (layers / diff_id).open("rb") as tar:
                shutil.copyfileobj(tar, out, PIECE)


def _rdiff(*words: str | Path) -> float:
    """Run rdiff, and return its most megabytes, as far as one can see."""
    peak = 0.0
    with subprocess.Popen(["rdiff", "--force", *map(str, words)]) as process:
        while process.poll() is None:
            peak = max(peak, _peak(str(process.pid)))
            time.sleep(LOOK_SECONDS)
    assert process.returncode == 0, words
    return peak


def _peak(process: str) -> float:
    """Return a process's most resident megabytes so far; not rusage's, which begin with those of who forked it."""
    try:
        rows = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(row.split()[1]) / 1024 for row in rows if row.startswith("VmHWM")), default=0.0)


if __name__ == "__main__":
    sys.stdout.buffer.write(_do(sys.stdin.buffer.read()))
