"""Frames in one, and out of it again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.bus.frames import join, split
from picket.errors import WireError


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_what_is_joined_comes_apart_again(frames: list[bytes]) -> None:
    assert split(join(frames)) == frames


@given(st.binary(max_size=60))
def test_what_was_never_joined_is_told_or_whole(data: bytes) -> None:
    try:
        frames = split(data)
    except WireError:
        return

    assert join(frames) == data


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", join([b"ack", b"1"])[:-1], join([b"x"]) + b"y"]
)
def test_what_is_cut_off_or_too_long_is_no_frames(data: bytes) -> None:
    with pytest.raises(WireError):
        split(data)
