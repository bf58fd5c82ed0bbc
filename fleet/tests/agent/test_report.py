"""What is said of releases, and only what is new of it."""

import json
from typing import Any

from picket_fleet.agent.plan import Container
from picket_fleet.agent.report import Doing, Reporter, apps, difference
from picket_fleet.agent.target import Release, ReleaseState, ServiceState

OLD, NEW = "a" * 32, "b" * 32


def release(commit: str) -> Release:
    state = ReleaseState(5, {"web": ServiceState(id=1, image_id=7, image=f"r/v2/{commit}")})
    return Release(commit, "f" * 32, 1, "town", state, {"web": "0" * 64})


def container(commit: str, state: str = "running") -> Container:
    return Container("id", f"web_7_5_{commit}", "web", "0" * 64, "config", state, "always")


def test_an_update_under_way_tells_of_both_releases() -> None:
    doing = Doing(release(NEW), "downloading", {"web": "Downloading"}, 40)

    said = apps(doing, release(OLD), (container(OLD),))["f" * 32]

    assert said["release_uuid"] == OLD
    assert said["releases"][NEW]["services"]["web"] == {
        "image": f"r/v2/{NEW}",
        "status": "Downloading",
        "download_progress": 40,
    }
    assert said["releases"][OLD]["services"]["web"]["status"] == "Running"


def test_a_rejected_release_says_why_and_has_no_services() -> None:
    said = apps(Doing(release(NEW), "rejected", reason="it crashes"), release(OLD), (container(OLD),))["f" * 32]

    assert said["releases"][NEW] == {"update_status": "rejected", "reason": "it crashes", "services": {}}


def test_a_service_that_is_to_be_stopped_is_not_said_to_have_ended() -> None:
    service = ServiceState(id=1, image_id=7, image="", running=False)
    stopped = Release(NEW, "f" * 32, 1, "town", ReleaseState(5, {"web": service}), {"web": "0" * 64})

    said = apps(None, stopped, (container(NEW, "exited"),))["f" * 32]

    assert said["releases"][NEW]["services"]["web"]["status"] == "Stopped"


def test_a_device_that_has_nothing_yet_says_nothing() -> None:
    assert apps(None, None, ()) == {}


def test_only_what_differs_is_told() -> None:
    assert difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == {"b": 3, "c": 4}


def test_what_did_not_arrive_is_told_again() -> None:
    sent: list[dict[str, Any]] = []
    broken = [True]

    def send(patch: bytes) -> None:
        if broken.pop() if broken else False:
            raise OSError("away")
        sent.append(json.loads(patch))

    reporter = Reporter("u", lambda: {"status": "Idle"}, lambda: {"memory_total": 5}, send, 10.0)
    reporter.report()
    trouble = reporter.trouble
    reporter.report()
    reporter.report()

    assert trouble == "away"
    assert sent == [{"u": {"memory_total": 5, "status": "Idle"}}]


def test_restarts_and_a_failing_health_check_are_told() -> None:
    troubled = container(NEW)._replace(restarts=2, health="unhealthy")

    said = apps(None, release(NEW), (troubled,))["f" * 32]["releases"][NEW]["services"]["web"]

    assert (said["restarts"], said["health"]) == (2, "unhealthy")
