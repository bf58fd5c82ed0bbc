"""What a push asks for."""

import pytest

from picket_fleet.build.errors import RefusedError
from picket_fleet.build.release import Order
from picket_fleet.remote.push import Push, Update, decide, options_of, updates_of

OLD, NEW, NONE = "1" * 40, "2" * 40, "0" * 40


def update(ref: str, new: str = NEW) -> Update:
    return Update(OLD, new, ref)


@pytest.mark.parametrize(
    ("ref", "cached"),
    [("main", True), ("master", True), ("balena-nocache", False), ("balena-emulated", True)],
)
def test_these_branches_build(ref: str, cached: bool) -> None:
    pushed = update(f"refs/heads/{ref}")

    assert decide([pushed], []) == Push(pushed, Order(NEW, cached=cached))


@pytest.mark.parametrize("ref", ["refs/heads/feature", "refs/heads/main/x", "refs/notes/commits", "refs/for/main"])
def test_other_branches_are_refused(ref: str) -> None:
    with pytest.raises(RefusedError, match="only main or master build here"):
        decide([update("refs/heads/main"), update(ref)], [])


@pytest.mark.parametrize("quiet", [update("refs/tags/v1"), update("refs/heads/main", NONE)], ids=["tag", "deleted"])
def test_tags_and_deletions_build_nothing(quiet: Update) -> None:
    assert decide([quiet], []) is None


def test_a_tag_may_come_along() -> None:
    pushed = decide([update("refs/tags/v1"), update("refs/heads/main")], [])

    assert pushed
    assert pushed.update.ref == "refs/heads/main"


def test_two_branches_at_a_time_are_refused() -> None:
    with pytest.raises(RefusedError, match="one branch at a time"):
        decide([update("refs/heads/main"), update("refs/heads/master")], [])


def test_options_make_drafts_and_notes() -> None:
    environment = {
        "GIT_PUSH_OPTION_COUNT": "2",
        "GIT_PUSH_OPTION_0": "draft",
        "GIT_PUSH_OPTION_1": "note=a=b\x1b[1m c",
    }

    pushed = decide([update("refs/heads/main")], options_of(environment))

    assert pushed
    assert pushed.order == Order(NEW, is_draft=True, note="a=b [1m c")


def test_an_option_that_nobody_knows_is_refused() -> None:
    with pytest.raises(RefusedError, match="no push option 'darft'"):
        decide([update("refs/heads/main")], ["darft"])


def test_git_tells_the_updates_line_by_line() -> None:
    assert updates_of([f"{OLD} {NEW} refs/heads/main\n"]) == [update("refs/heads/main")]
