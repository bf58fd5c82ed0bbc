"""Layers and configs without dates: the same contents are the same bytes."""

import io
import json
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket_fleet.build.normalise import EPOCH, clamp, config

NAMES = st.text("abc/é", min_size=1, max_size=150).map(lambda name: name.strip("/") or "a")
TREES = st.dictionaries(NAMES, st.binary(max_size=1500), max_size=6)
FORMATS = st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def tar_of(tree: dict[str, bytes], time: float, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in tree.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), time  # type: ignore[assignment]
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def clamped(data: bytes) -> bytes:
    return b"".join(clamp(io.BytesIO(data)))


@given(TREES, FORMATS, st.integers(EPOCH, 2**33 - 1))
def test_when_it_was_built_makes_no_difference(tree: dict[str, bytes], form: int, time: int) -> None:
    assert clamped(tar_of(tree, time, form)) == tar_of(tree, EPOCH, form)


@given(TREES, FORMATS, st.integers(-1, EPOCH))
def test_what_is_older_stays_as_it_is(tree: dict[str, bytes], form: int, time: int) -> None:
    data = tar_of(tree, time, form)

    assert clamped(data) == data


@given(st.binary(max_size=3000) | st.builds(lambda tree, cut: tar_of(tree, 5)[:cut], TREES, st.integers(0, 4000)))
def test_what_is_no_tar_passes(data: bytes) -> None:
    assert clamped(data) == data


def test_parts_of_a_second_go_too() -> None:
    times = [1_790_000_000.25, 1_690_000_000.75, EPOCH + 0.5]

    assert len({clamped(tar_of({"a": b"1"}, time)) for time in times[:2]}) == 1
    with tarfile.open(fileobj=io.BytesIO(clamped(tar_of({"a": b"1"}, times[2])))) as tar:
        assert tar.getmember("a").mtime == EPOCH


def test_a_time_too_large_for_its_digits_goes_too() -> None:
    assert clamped(tar_of({"a": b"1"}, 2**35, tarfile.GNU_FORMAT)) == tar_of({"a": b"1"}, EPOCH, tarfile.GNU_FORMAT)


INSPECTED = {
    "Architecture": "arm64",
    "Variant": "v8",
    "Os": "linux",
    "Created": "2026-11-21T21:00:00Z",
    "Container": "0123",
    "Config": {
        "Hostname": "0123",
        "Image": "sha256:45",
        "Cmd": ["x"],
        "Healthcheck": {"Test": ["CMD", "y"]},
        "Env": None,
    },
}


def test_a_config_tells_what_a_container_needs_and_no_dates() -> None:
    other = {**INSPECTED, "Created": "2027-01-01T00:00:00Z", "Container": "4567"}

    assert config(INSPECTED, ["ab"]) == config(other, ["ab"])
    assert json.loads(config(INSPECTED, ["ab"])) == {
        "architecture": "arm64",
        "variant": "v8",
        "os": "linux",
        "created": "2020-01-01T00:00:00Z",
        "config": {"Cmd": ["x"], "Healthcheck": {"Test": ["CMD", "y"]}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:ab"]},
    }


@pytest.mark.parametrize(
    "type_", [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_all_kinds_of_entries_are_dated_alike(type_: bytes) -> None:
    def one(time: int) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            member = tarfile.TarInfo("a")
            member.type, member.mtime, member.linkname = type_, time, "b"
            tar.addfile(member)
        return out.getvalue()

    assert clamped(one(EPOCH + 5)) == one(EPOCH)
