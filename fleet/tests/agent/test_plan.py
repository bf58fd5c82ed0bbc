"""What is to be done about what there is: rows of containers, and the steps that follow."""

from typing import Any

import pytest

from picket_fleet.agent.container import Wanted
from picket_fleet.agent.plan import Container, Current, Goal, plan

NETWORKS = {"1_default": "n"}
ALWAYS = {"Name": "always", "MaximumRetryCount": 0}


def wanted(service: str, image: str = "new", config: str = "c", **more: Any) -> Wanted:
    fields: dict[str, Any] = {
        "name": f"{service}_2",
        "restart": ALWAYS,
        "running": True,
        "strategy": "",
        "handover_seconds": 1.0,
        "depends_on": (),
        "body": {},
        "networks": {},
        "shares": "",
    }
    return Wanted(service=service, image=image, config=config, **{**fields, **more})


def there(service: str, image: str = "old", config: str = "c", **more: Any) -> Container:
    fields: dict[str, Any] = {"name": f"{service}_1", "state": "running", "restart": "always"}
    return Container(id=f"{service}:{image}", service=service, image=image, config=config, **{**fields, **more})


def steps(containers: list[Container], goal: list[Wanted], images: str = "old new", **more: Any) -> list[str]:
    current = Current(tuple(containers), frozenset(images.split()), frozenset(), more.pop("networks", NETWORKS))
    planned = plan(current, Goal({w.service: w for w in goal}, networks=NETWORKS, **more))
    return [" ".join([step.kind, *step.services]) for step in planned]


NEW = there("web", "new", name="web_2")


@pytest.mark.parametrize(
    ("containers", "goal", "more", "expected"),
    [
        pytest.param([NEW], [wanted("web")], {"proved": True}, [], id="all is well"),
        pytest.param(
            *([], [wanted("web")], {"images": "", "networks": {}}),
            ["download web", "load web", "sync", "prepare", "create web", "start web", "judge", "record"],
            id="from nothing",
        ),
        pytest.param(
            *([there("web"), there("hub", "new")], [wanted("hub"), wanted("web")], {"images": "old"}),
            [
                *("download hub web", "load hub web", "sync", "create web", "lock", "stop web"),
                *("rename hub", "start web", "judge", "record"),
            ],
            id="one changes, the other keeps running",
        ),
        pytest.param(
            *([there("web")], [wanted("web", strategy="kill-then-download")], {"images": "old"}),
            ["lock", "stop web", "download web", "load web", "sync", "create web", "start web", "judge", "record"],
            id="kill first",
        ),
        pytest.param(
            [there("web")],
            [wanted("web", strategy="delete-then-download")],
            {"images": "old", "own_images": ["old"], "kept_images": ["old"]},
            [
                *("lock", "stop web", "clean", "download web", "load web", "sync"),
                *("create web", "start web", "judge", "record"),
            ],
            id="delete first",
        ),
        pytest.param(
            *([there("web")], [wanted("web", strategy="hand-over")], {}),
            ["create web", "lock", "start web", "hand-over web", "judge", "record"],
            id="hand over",
        ),
        pytest.param(
            *([there("web"), NEW], [wanted("web", strategy="hand-over")], {}),
            ["lock", "hand-over web", "judge", "record"],
            id="handing over when the agent was killed",
        ),
        pytest.param(
            *([there("web"), there("web", "new", name="web_2", state="created", restart="no")], [wanted("web")], {}),
            ["lock", "stop web", "start web", "judge", "record"],
            id="created when the agent was killed",
        ),
        pytest.param(
            *([there("web", state="exited", restart="no"), NEW], [wanted("web")], {"proved": True}),
            ["clean"],
            id="proved when the agent was killed",
        ),
        pytest.param(
            [NEW, there("web", state="exited", restart="no")],
            [wanted("web", "old", name="web_1", strategy="hand-over")],
            {"proved": True, "is_return": True},
            ["stop web", "start web", "clean"],
            id="back to the release before, without strategies and locks",
        ),
        pytest.param(
            [there("web", "new", name="web_2", state="exited")],
            [wanted("web")],
            {"proved": True},
            ["start web"],
            id="stopped by hand",
        ),
        pytest.param(
            [there("web", "new", name="web_2", state="exited", restart="no")],
            [wanted("web", restart={"Name": "no"})],
            {"proved": True},
            [],
            id="it has done its work",
        ),
        pytest.param(
            [NEW], [wanted("web", running=False)], {"proved": True}, ["lock", "stop web"], id="it is not to run"
        ),
        pytest.param(
            [NEW, there("old")],
            [wanted("web")],
            {"proved": True},
            ["lock", "stop old", "clean"],
            id="a service is gone",
        ),
        pytest.param(
            [there("web", "new", config="before")],
            [wanted("web")],
            {"networks": {"1_default": "other"}},
            ["lock", "stop web", "clean", "prepare", "create web", "start web", "judge", "record"],
            id="a network is made anew",
        ),
        pytest.param(
            [NEW], [wanted("web")], {"proved": True, "own_images": ["old", "new"]}, ["clean"], id="an image is left"
        ),
    ],
)
def test_plan(containers: list[Container], goal: list[Wanted], more: dict[str, Any], expected: list[str]) -> None:
    assert steps(containers, goal, **more) == expected


def test_what_is_cleaned_is_ours_and_needed_no_more() -> None:
    current = Current((NEW, there("web", state="exited")), frozenset(["old", "new", "alien"]), frozenset(), NETWORKS)
    goal = Goal({"web": wanted("web")}, networks=NETWORKS, proved=True, own_images=["old", "new"])

    [clean] = plan(current, goal)

    assert (clean.containers, clean.images) == (("web:old",), ("old",))
