"""Versions and what a fleet follows, by balena's rules."""

import pytest

from picket_fleet.errors import FleetError
from picket_fleet.releases.version import Candidate, latest, next_revision, raw_version, semver, target


@pytest.mark.parametrize("text", ["1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3\n", "1.2.3+rev1"])
def test_a_version_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FleetError, match=r"balena\.yml: version: expected x\.y\.z"):
        semver(text)


def test_no_version_is_the_lowest() -> None:
    assert semver("") == "0.0.0"


def test_the_same_version_again_is_a_revision() -> None:
    revisions: list[int] = []
    written = []
    for _ in range(3):
        revisions.append(next_revision(revisions))
        written.append(raw_version("0.1.0", revisions[-1], 0))

    assert written == ["0.1.0", "0.1.0+rev1", "0.1.0+rev2"]


def test_a_draft_is_told_by_when_it_began() -> None:
    assert raw_version("0.1.0", None, 1795280572.132) == "0.1.0-1795280572132"


def release(number: int, started_at: float, **other: object) -> Candidate:
    defaults = {"status": "success", "is_final": True, "is_invalidated": False}
    return Candidate(number, started_at, **{**defaults, **other})  # type: ignore[arg-type]


def test_an_older_build_that_ends_later_is_not_the_latest() -> None:
    assert latest([release(1, 20.0), release(2, 10.0)]) == 1


@pytest.mark.parametrize(
    "worse",
    [{"status": "running"}, {"status": "failed"}, {"is_final": False}, {"is_invalidated": True}],
    ids=lambda worse: next(iter(worse)),
)
def test_nobody_follows_what_is_not_good(worse: dict[str, object]) -> None:
    assert latest([release(1, 10.0), release(2, 20.0, **worse)]) == 1
    assert latest([release(2, 20.0, **worse)]) is None


def test_a_devices_pin_goes_before_the_fleets_and_this_before_the_latest() -> None:
    releases = [release(1, 10.0), release(2, 20.0), release(3, 30.0)]

    assert target(1, 2, releases) == 1
    assert target(None, 2, releases) == 2
    assert target(None, None, releases) == 3
