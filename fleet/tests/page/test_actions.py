"""What can be done by the page: as by the command line, and with the same words."""

from typing import Any

import pytest

from picket_fleet.page.actions import DECISIONS
from picket_fleet.releases.policy import Policy
from picket_fleet.store import devices, keys, releases, rollouts, variables


def hall(house: Any) -> Any:
    return devices.get(house.database, house.device("hall").id)


def target(house: Any, device: Any = None) -> str:
    found = releases.target_of(house.database, device)
    return found.version if found else ""


def test_the_fleet_is_pinned_rolled_back_and_follows_again(house: Any, client: Any) -> None:
    said = client.do("pin", release=house.first.commit_id).json()["said"]
    assert said == "the fleet is to run 0.1.0 (pinned, until 'fleet pin --latest')"
    assert target(house) == "0.1.0"

    client.do("pin", release="latest")
    assert target(house) == "0.1.0+rev1"

    assert client.do("rollback").ok
    assert target(house) == "0.1.0"
    assert client.do("rollback").text == "there is no good release before this one"


def test_a_device_is_pinned(house: Any, client: Any) -> None:
    assert client.do("pin", release="0.1.0", device="hall").json() == {"said": "hall is to run 0.1.0 (pinned)"}
    assert (target(house), target(house, hall(house))) == ("0.1.0+rev1", "0.1.0")

    client.do("pin", release="latest", device=house.device("hall").uuid)
    assert target(house, hall(house)) == "0.1.0+rev1"


def test_a_draft_is_finalized_and_a_release_invalidated(house: Any, client: Any) -> None:
    assert client.do("finalize", release=house.draft.commit_id).ok
    assert target(house) == "0.1.0+rev2"

    client.do("invalidate", release="0.1.0+rev2")
    assert target(house) == "0.1.0+rev1"
    client.do("invalidate", release="0.1.0+rev2", undo=True)
    assert target(house) == "0.1.0+rev2"


def test_the_only_good_release_stays(house: Any, client: Any) -> None:
    client.do("invalidate", release="0.1.0")

    answer = client.do("invalidate", release="0.1.0+rev1")

    assert (answer.status_code, target(house)) == (400, "0.1.0+rev1")
    assert answer.text == "0.1.0+rev1 is the only good release: without it devices would run nothing"


def test_services_are_restarted_stopped_and_started(house: Any, client: Any) -> None:
    assert client.do("restart", device="hall", service="web").json()["said"] == "hall restarts web now"
    assert client.do("restart", device="hall").ok
    assert client.do("stop", device="hall", service="relay").ok
    assert devices.restarts(house.database, hall(house).id) == {"": 1, "web": 1}
    assert devices.stopped(house.database, hall(house).id) == {"relay"}

    assert client.do("start", device="hall", service="relay").ok
    assert devices.stopped(house.database, hall(house).id) == set()
    assert "no such service" in client.do("stop", device="hall", service="rm -rf").text


def test_a_device_is_identified_renamed_tagged_and_forgotten(house: Any, client: Any) -> None:
    assert client.do("identify", device="hall").ok
    assert devices.identifications(house.database, hall(house).id) == 1
    assert client.do("identify", device="garage").text == "garage is offline"

    assert client.do("tag_device", device="hall", tags={"floor": "", "room": "1"}).ok
    assert devices.tags(house.database, hall(house).id).keys() == {"picket_health", "picket_version", "room"}

    assert client.do("rename", device="hall", name="entrance").json() == {"said": "hall is entrance now"}
    assert "is a command" in client.do("rename", device="entrance", name="run").text

    assert "is online" in client.do("remove", device="entrance").text
    assert client.do("remove", device="entrance", force=True).ok
    assert "entrance" not in {device.name for device in devices.everyone(house.database)}


def test_releases_have_tags_and_notes(house: Any, client: Any) -> None:
    client.do("note", release="0.1.0", text="the <b>first</b>")
    client.do("tag_release", release="0.1.0", tags={"approved": "yes"})

    assert releases.get(house.database, house.first.id).note == "the <b>first</b>"
    assert releases.tags(house.database, house.first.id)["approved"] == "yes"


def test_variables_are_set_shown_one_by_one_and_removed(house: Any, client: Any) -> None:
    scope = {"service": "web", "device": "hall"}
    assert client.do("set_variables", values={"PASSWORD": "p=w d\n"}, **scope).ok
    assert client.do("value_of", name="PASSWORD", **scope).json() == {"value": "p=w d\n"}
    assert client.do("value_of", name="PASSWORD").status_code == 400
    assert "reserved" in client.do("set_variables", values={"BALENA_X": "1"}).text

    assert client.do("unset_variables", unwanted=["PASSWORD"], **scope).ok

    assert "PASSWORD" not in {variable.name for variable in variables.everywhere(house.database)}


def test_machines_are_let_join_and_take_a_place(house: Any, client: Any) -> None:
    invited = client.do("invite", name="barn", hours=2).json()
    key = invited["command"].rpartition(" ")[2]
    token = keys.find(house.database, keys.PROVISIONING, key, house.now + 7000)

    assert invited["command"].startswith("sudo fleet device join https://127.0.0.1:8443 --fingerprint ")
    assert token and token.device_name == "barn"
    assert keys.find(house.database, keys.PROVISIONING, key, house.now + 8000) is None
    assert "is online" in client.do("replace", device="hall", hours=1).text
    assert "already" in client.do("invite", name="hall", hours=1).text
    assert "more than 0" in client.do("invite", hours=0).text
    assert client.do("take_back", invitation="join barn").json()["said"] == "join barn opens nothing any more"
    assert keys.find(house.database, keys.PROVISIONING, key, house.now) is None
    assert client.do("take_back", invitation="anna").status_code == 400


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("explode", {}, id="unknown"),
        pytest.param("__class__", {}, id="not a decision"),
        pytest.param("pin", {}, id="too little"),
        pytest.param("pin", {"release": 5}, id="another type"),
        pytest.param("pin", {"release": "0.1.0", "force": True}, id="too much"),
        pytest.param("pin", {"release": "9.9.9"}, id="no such release"),
        pytest.param("restart", {"device": "nowhere"}, id="no such device"),
        pytest.param("invite", {"hours": "many"}, id="no number"),
        pytest.param("pin", [], id="no object"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(client: Any, name: str, body: Any) -> None:
    answer = client.post(f"/page/api/do/{name}", body)

    assert answer.status_code == 400
    assert answer.text


def test_all_that_can_be_done_is_tried_here() -> None:
    source = __import__("pathlib").Path(__file__).read_text()

    assert [name for name in DECISIONS if f'client.do("{name}"' not in source] == []


def test_the_log_of_a_device_is_a_file_of_text(house: Any, client: Any) -> None:
    answer = client.get(f"/page/api/log/{house.device('hall').uuid}")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert len(answer.text.splitlines()) == 60
    assert client.get("/page/api/log/nobody").status_code == 404


def test_the_policy_is_set_as_by_the_command_line_and_told_as_it_is_set(house: Any, client: Any) -> None:
    first = client.do("rollout_policy", canary="tag:canary=yes", soak="90s", waves="25%, 100%").json()["said"]
    told = client.events().until(lambda told: "policy" in told)["policy"]

    assert first.splitlines() == [
        "a new release is for tag:canary=yes first, then 25 %, 100 %; each well for 90 s, waiting up to 1 h",
        "no device is tagged so: 'fleet tag DEVICE canary=yes' makes it a canary",
    ]
    assert told["said"] == first
    assert client.do("rollout_policy", **{name: told[name] for name in told if name != "said"}).json()["said"] == first
    assert rollouts.policy(house.database) == Policy("tag:canary=yes", soak_seconds=90.0, waves=(25.0, 100.0))

    assert client.do("rollout_policy", off=True).json()["said"] == "a new release is for everybody at once"
    assert rollouts.policy(house.database) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"soak": "10m"}, "canary: say who gets a release first", id="nobody first"),
        pytest.param({"canary": "hall"}, "canary: expected tag:NAME=VALUE", id="no kind"),
        pytest.param({"canary": "share:200%"}, "canary: '200%': expected a percentage", id="no share"),
        pytest.param({"canary": "share:5%", "soak": "soon"}, "soak: 'soon': expected a time", id="no soak"),
        pytest.param({"canary": "share:5%", "waves": "half"}, "waves: 'half': expected a percentage", id="no wave"),
        pytest.param({"canary": "share:5%", "waves": "50%"}, "waves: expected growing percentages", id="not for all"),
        pytest.param({"canary": "share:5%", "patience": "-1h"}, "patience: '-1h': expected a time", id="no patience"),
    ],
)
def test_what_is_wrong_with_a_policy_begins_with_its_field(house: Any, client: Any, given: Any, why: str) -> None:
    answer = client.do("rollout_policy", **given)

    assert (answer.status_code, answer.text[: len(why)]) == (400, why)
    assert rollouts.policy(house.database) is None


def test_a_rollout_is_halted_continued_and_taken_back(house: Any, client: Any) -> None:
    assert "nothing is being rolled out" in client.do("rollout_halt").text
    released = house.roll_out()

    assert client.do("rollout_halt").json()["said"] == "0.1.0+rev2 goes to nobody else; who has it keeps it"
    assert target(house, hall(house)) == released.version
    assert client.do("rollout_continue").json()["said"] == "0.1.0+rev2 is rolled out: canaries"
    assert "everybody is to run 0.1.0+rev1" in client.do("rollout_undo").json()["said"]
    assert target(house, hall(house)) == "0.1.0+rev1"
