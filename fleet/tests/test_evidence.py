"""What is read from a device's report."""

import json
from typing import Any

import pytest

from picket_fleet.releases.evidence import Wanted, may_end, seen
from picket_fleet.releases.judging import Member, State, judge
from picket_fleet.releases.policy import Policy

IMAGE, COMMIT = "1" * 64, "c" * 32
WANTED = Wanted("f" * 32, COMMIT, (("once", IMAGE), ("web", IMAGE)), frozenset({"once"}))
RUNS = {"image": f"10.0.0.5:8443/v2/x@sha256:{IMAGE}", "status": "Running"}
ENDED = {**RUNS, "status": "exited"}


def report(commit: str = COMMIT, status: str = "done", reason: str = "", **services: Any) -> str:
    said = {"update_status": status, "reason": reason, "services": services}
    return json.dumps({"apps": {"f" * 32: {"releases": {commit: said}}}})


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param(report(web=RUNS, once=RUNS), "", id="all-run"),
        pytest.param(report(web=RUNS, once=ENDED), "", id="one-may-end"),
        pytest.param(report(web=ENDED, once=ENDED), "web: exited", id="one-may-not"),
        pytest.param(report(web=RUNS), "once: not there", id="one-is-missing"),
        pytest.param(report(web={**RUNS, "image": "x@sha256:2"}, once=RUNS), "web: another image", id="another-image"),
        pytest.param(report(web={**RUNS, "health": "unhealthy"}, once=RUNS), "web: unhealthy", id="unhealthy"),
        pytest.param(report("d" * 32, web=RUNS, once=RUNS), "once: not there, web: not there", id="another-release"),
        pytest.param('{"apps": [1, {"a": null}]}', "once: not there, web: not there", id="nonsense"),
    ],
)
def test_what_is_wrong_with_the_services(text: str, wrong: str) -> None:
    assert seen(text, WANTED).wrong == wrong


def test_of_a_device_that_sees_nothing_of_its_containers_nothing_is_known() -> None:
    unknown = {**RUNS, "status": "unknown"}
    said = seen(report(status="aborted", reason="no engine", web=unknown, once=unknown), WANTED)

    after = judge(Member(0, up_since=1.0, well_since=1.0), said, 500.0, Policy("share:10%"))

    assert (after.state, after.why) == (State.UPDATING, "aborted")
    assert after.well_since is None


def test_a_service_that_a_person_stopped_is_not_missed() -> None:
    assert seen(report(once=RUNS), WANTED, frozenset({"web"})).wrong == ""


def test_an_agent_that_went_back_says_why() -> None:
    found = seen(report(status="rejected", reason="web: it ended 4 times"), WANTED)

    assert (found.update, found.rejected) == ("rejected", "web: it ended 4 times")


def test_restarts_are_counted_by_service() -> None:
    assert seen(report(web={**RUNS, "restarts": 3}, once=RUNS), WANTED).restarts == {"web": 3}


def test_what_no_device_would_say_does_no_harm() -> None:
    text = report(
        status="x" * 1000, web={**RUNS, "restarts": 10**30}, once={**RUNS, "restarts": -1}, other={"restarts": 5}
    )

    found = seen(text, WANTED)

    assert (len(found.update), found.restarts) == (300, {})


def test_services_may_end_that_are_not_started_again() -> None:
    composition = {
        "services": {"a": {}, "b": {"restart": "no"}, "c": {"restart": "on-failure"}, "d": {"restart": "always"}}
    }

    assert may_end(composition) == {"b", "c"}
