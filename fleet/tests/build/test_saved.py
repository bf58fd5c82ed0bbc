"""What engines write for `docker save`, old and new."""

import gzip
import io
import tarfile
from typing import cast

import pytest

from picket_fleet.build.saved import layers_of_saved
from picket_fleet.zstandard import zstd


def saved(files: dict[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("cc/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../ab/layer.tar"
        tar.addfile(link)
    return io.BytesIO(out.getvalue())


@pytest.mark.parametrize(
    "files",
    [
        {"ab/VERSION": b"1.0", "ab/layer.tar": b"layer", "manifest.json": b"[]"},
        {"oci-layout": b"{}", f"blobs/sha256/{'a' * 64}": b"layer", "index.json": b"{}"},
        {f"blobs/sha256/{'a' * 64}": gzip.compress(b"layer")},
        {f"blobs/sha256/{'a' * 64}": zstd.compress(b"layer")},
    ],
    ids=["up-to-24", "since-25", "containerd-gzip", "containerd-zstd"],
)
def test_layers_come_out_plain_whatever_engine_wrote_them(files: dict[str, bytes]) -> None:
    found = []
    for layer in layers_of_saved(saved(files)):
        data = b""
        while piece := layer.read(3):
            data += cast(bytes, piece)
        found.append(data)

    assert found == [b"layer"]
