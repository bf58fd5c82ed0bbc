"""Deltas of generated layers: what is rebuilt is what was, and what is damaged is told."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picket_fleet.deltas.apply import Delta
from picket_fleet.deltas.layers import TarLayer
from picket_fleet.deltas.make import FRAME_BYTES, make
from picket_fleet.deltas.release import Image
from picket_fleet.errors import DeltaError

Tree = dict[str, bytes]


class Store:
    """Layers as tar files by their diff ids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, tar: bytes) -> str:
        diff_id = hashlib.sha256(tar).hexdigest()
        (self.folder / diff_id).write_bytes(tar)
        return diff_id

    def open(self, diff_id: str) -> TarLayer:
        return TarLayer(self.folder / diff_id)

    def image(self, *tars: bytes) -> Image:
        layers = [f"sha256:{self.add(tar)}" for tar in tars]
        return Image.of(json.dumps({"rootfs": {"type": "layers", "diff_ids": layers}}).encode())

    def rebuilt(self, data: bytes, base: list[Image]) -> tuple[list[bytes], list[Image]]:
        delta = Delta(data, base)
        return [b"".join(delta.rebuild(layer, self.open)) for layer in delta.layers], delta.images


def tar_of(tree: Tree, time: int = 1_577_836_800, form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in tree.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), time
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


NAMES = st.text("abc/0é", min_size=1, max_size=120).map(lambda name: name.strip("/") or "a")
TREES = st.dictionaries(
    NAMES, st.binary(max_size=2000) | st.sampled_from([b"", b"x" * 512, b"line\n" * 300]), max_size=8
)
TARS = st.builds(tar_of, TREES, st.integers(0, 2**33 - 1), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
BYTES = st.binary(max_size=3000) | st.builds(lambda tar, tail: tar[:700] + tail, TARS, st.binary(max_size=600))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=st.lists(TARS | BYTES, max_size=3), new=st.lists(TARS | BYTES, min_size=1, max_size=3))
def test_every_layer_comes_out_byte_for_byte(store: Store, old: list[bytes], new: list[bytes]) -> None:
    base, target = [store.image(*old)], [store.image(*new)]

    layers, images = store.rebuilt(make(base, target, store.open), base)

    assert images == target
    assert layers == [tar for tar in dict.fromkeys(new) if tar not in old]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0), byte=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_delta_is_told_or_does_no_harm(store: Store, at: int, byte: int, cut: bool) -> None:
    text = b"".join(b"%d bottles\n" % number for number in range(400))
    base = [store.image(tar_of({"etc/a": text, "etc/b": b"same"}))]
    target = [store.image(tar_of({"etc/a": text.replace(b"77", b"99"), "etc/b": b"same", "etc/c": b"new" * 99}))]
    delta = bytearray(make(base, target, store.open))
    at %= len(delta)
    delta[at:] = b"" if cut else bytes([delta[at] ^ byte]) + delta[at + 1 :]

    try:
        layers, images = store.rebuilt(bytes(delta), base)
    except DeltaError:
        return

    assert all((store.folder / hashlib.sha256(layer).hexdigest()).exists() for layer in layers)
    # the release's signed manifest names the target's images
    assert images == target or target[0].id not in {image.id for image in images}


def test_a_changed_line_costs_a_few_hundred_bytes(store: Store) -> None:
    text = b"".join(hashlib.sha256(b"%d" % number).hexdigest().encode() + b"\n" for number in range(3000))
    tree = {f"opt/module_{number}.py": text[number * 60 :] for number in range(40)}
    base = [store.image(tar_of(tree))]
    changed = {**tree, "opt/module_7.py": tree["opt/module_7.py"].replace(b"a", b"b", 3)}

    delta = make(base, [store.image(tar_of(changed))], store.open)

    assert len(delta) < 600


def test_a_rebuild_at_another_time_costs_next_to_nothing(store: Store) -> None:
    tree = {f"lib/{number}": b"%d" % number * 50 for number in range(500)}
    base = [store.image(tar_of(tree, time=1_600_000_000))]

    delta = make(base, [store.image(tar_of(tree, time=1_700_000_000))], store.open)

    assert len(delta) < 300


def test_a_layer_that_many_images_share_costs_a_few_bytes_for_each(store: Store) -> None:
    own = [tar_of({"opt/service": b"%d" % number * 99}) for number in range(20)]
    old, new = tar_of({"etc/config.yaml": b"seconds: 10\n"}), tar_of({"etc/config.yaml": b"seconds: 12\n"})
    base, target = [store.image(old, layer) for layer in own], [store.image(new, layer) for layer in own]

    delta = make(base, target, store.open)

    assert store.rebuilt(delta, base) == ([new], target)
    assert len(delta) < 200 + 10 * len(own)


def test_a_release_without_a_base_comes_out_too(store: Store) -> None:
    target = [store.image(tar_of({"a": b"1" * 5000})), store.image(tar_of({"b": b"2" * 5000}))]

    delta = make([], target, store.open)

    assert store.rebuilt(delta, []) == ([tar_of({"a": b"1" * 5000}), tar_of({"b": b"2" * 5000})], target)


def test_a_file_larger_than_a_frame_is_patched_in_pieces(store: Store) -> None:
    big = hashlib.shake_128(b"firmware").digest(3 * FRAME_BYTES + 12345)
    edited = big[:1000] + b"inserted" + big[1000:5_000_000] + big[5_000_100:]
    base, target = [store.image(tar_of({"blob": big}))], [store.image(tar_of({"blob": edited}))]

    delta = make(base, target, store.open)
    layers, _ = store.rebuilt(delta, base)

    assert layers == [tar_of({"blob": edited})]
    assert len(delta) < 10_000


def test_a_moved_file_is_copied(store: Store) -> None:
    content = hashlib.shake_128(b"wheel").digest(200_000)
    base = [store.image(tar_of({"old/place-1.0": content}))]

    delta = make(base, [store.image(tar_of({"new/place-1.1": content}))], store.open)

    assert len(delta) < 500


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lib/x-1.0/core.py", "lib/x-1.1/core.py"),
        ("x.libs/libx-82f916e6.so.5", "x.libs/libx-2f02442c.so.6"),
        ("lib/x/core.py", "lib/y/core.py"),
    ],
    ids=["another version", "another digest", "moved"],
)
def test_a_file_is_known_again_under_another_path(store: Store, before: str, after: str) -> None:
    content = hashlib.shake_128(b"module").digest(50_000)
    base = [store.image(tar_of({before: content}))]

    delta = make(base, [store.image(tar_of({after: b"edited" + content}))], store.open)

    assert len(delta) < 300


def test_a_delta_for_another_base_is_refused(store: Store) -> None:
    base, other = [store.image(tar_of({"a": b"1"}))], [store.image(tar_of({"a": b"2"}))]
    delta = make(base, [store.image(tar_of({"a": b"3"}))], store.open)

    with pytest.raises(DeltaError, match="another base"):
        Delta(delta, other)
