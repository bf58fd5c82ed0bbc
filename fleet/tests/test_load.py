"""The archive for `docker load`: only what is lacking, each layer checked as it passes."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from picket_fleet.deltas.layers import TarLayer
from picket_fleet.deltas.load import Content, DamagedLayerError, archive, from_file, from_layer, lacking
from picket_fleet.deltas.overlay import chain_ids
from picket_fleet.deltas.release import Image
from picket_fleet.errors import DeltaError
from picket_fleet.zstandard import zstd


def tar_of(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


TARS = [tar_of(f"file{number}", b"%d" % number * 700) for number in range(4)]
IDS = [hashlib.sha256(tar).hexdigest() for tar in TARS]


def image(*numbers: int) -> Image:
    layers = [f"sha256:{IDS[number]}" for number in numbers]
    return Image.of(json.dumps({"rootfs": {"type": "layers", "diff_ids": layers}}).encode())


def content(diff_id: str) -> Content:
    tar = TARS[IDS.index(diff_id)]
    return Content(len(tar), lambda: iter([tar]))


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param([], [0, 1, 2, 3], id="nothing is known"),
        pytest.param([image(0, 1, 2)], [3], id="all but one"),
        pytest.param([image(0, 3)], [1, 2, 3], id="known above another one only"),
        pytest.param([image(0, 1, 2), image(0, 3), image(0, 1, 3)], [], id="all is known"),
    ],
)
def test_only_what_is_lacking_under_its_chain(known: list[Image], expected: list[int]) -> None:
    wanted = [image(0, 1, 2), image(0, 1, 3)]

    found = lacking(wanted, {chain for one in known for chain in chain_ids(one.layers)})

    assert found == [IDS[number] for number in expected]


def test_an_archive_has_layers_once_and_names_them_all() -> None:
    images = [image(0, 1), image(0, 2)]

    data = b"".join(archive(images, [IDS[1], IDS[2]], content, {images[0].id: ["web:1"]}))

    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        layer = (tar.extractfile(f"{IDS[1]}.tar") or io.BytesIO()).read()
    assert names == [f"{IDS[1]}.tar", f"{IDS[2]}.tar", f"{images[0].id}.json", f"{images[1].id}.json", "manifest.json"]
    assert manifest[0] == {
        "Config": f"{images[0].id}.json",
        "RepoTags": ["web:1"],
        "Layers": [f"{IDS[0]}.tar", f"{IDS[1]}.tar"],
    }
    assert layer == TARS[1]


def test_a_layer_of_another_length_ends_the_archive() -> None:
    with pytest.raises(DeltaError, match="were expected"):
        b"".join(archive([image(0)], [IDS[0]], lambda _: Content(99, lambda: iter([b"short"])), {}))


def spoilt(data: bytes) -> bytes:
    return data[:-700] + bytes([data[-700] ^ 1]) + data[-699:]


def kept_as_tar(folder: Path, data: bytes) -> Content:
    (folder / "layer").write_bytes(data)
    return from_layer(IDS[0], TarLayer(folder / "layer"))


def kept_as_zstd(folder: Path, data: bytes) -> Content:
    (folder / "layer").write_bytes(zstd.compress(data))
    return from_file(IDS[0], folder / "layer")


@pytest.mark.parametrize("kept", [kept_as_tar, kept_as_zstd])
def test_what_is_on_the_disk_is_checked(tmp_path: Path, kept: Callable[[Path, bytes], Content]) -> None:
    whole = kept(tmp_path, TARS[0])

    assert whole.size == len(TARS[0])
    assert b"".join(whole.pieces()) == TARS[0]
    with pytest.raises(DamagedLayerError):
        b"".join(kept(tmp_path, spoilt(TARS[0])).pieces())


@pytest.mark.parametrize("data", [b"", b"no zstd", zstd.compress(TARS[0])[:-5]], ids=["empty", "no zstd", "cut"])
def test_a_download_that_is_no_layer_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "layer").write_bytes(data)

    with pytest.raises(DamagedLayerError):
        from_file(IDS[0], tmp_path / "layer")
