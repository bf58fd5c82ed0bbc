"""Which release runs where: pins, rollback, drafts, invalidation, restarts."""

from typing import Any

from picket_fleet.releases import manifest
from picket_fleet.store import devices, releases


def targets(house: Any) -> dict[str, str]:
    every = devices.everyone(house.database)
    return {one.name: releases.target_of(house.database, one).version for one in every}


def test_the_fleet_is_pinned_and_follows_again(run: Any, house: Any) -> None:
    assert run("pin", "0.1.0").out == "the fleet is to run 0.1.0 (pinned, until 'fleet pin --latest')\n"
    assert set(targets(house).values()) == {"0.1.0"}

    assert run("pin", "--latest").out == "the fleet is to run 0.1.0+rev1 (the latest)\n"
    assert set(targets(house).values()) == {"0.1.0+rev1"}


def test_a_device_has_its_own_pin(run: Any, house: Any) -> None:
    assert run("pin", "1abc", "--device", "hall").out == "hall is to run 0.1.0 (pinned)\n"
    assert targets(house) == {"attic": "0.1.0+rev1", "hall": "0.1.0", "shed": "0.1.0+rev1"}
    assert run("pin", "latest").out == "the fleet is to run 0.1.0+rev1 (the latest); pinned by themselves: hall\n"

    assert run("pin", "latest", "--device", "hall").out == "hall is to run 0.1.0+rev1, as its fleet does\n"
    assert targets(house)["hall"] == "0.1.0+rev1"


def test_a_rollback_is_one_word(run: Any, house: Any) -> None:
    assert run("rollback").code == 0
    assert set(targets(house).values()) == {"0.1.0"}
    assert run("rollback").err == "fleet: there is no good release before this one\n"


def test_one_device_is_rolled_back(run: Any, house: Any) -> None:
    assert run("rollback", "--device", "hall").out == "hall is to run 0.1.0 (pinned)\n"
    assert targets(house) == {"attic": "0.1.0+rev1", "hall": "0.1.0", "shed": "0.1.0+rev1"}


def test_what_was_invalidated_is_not_followed(run: Any, house: Any) -> None:
    assert run("invalidate", "latest").out == "0.1.0+rev1 is invalidated; the fleet is to run 0.1.0 (the latest)\n"
    assert "invalidated" in run("releases").out

    said = run("invalidate", "0.1.0")
    assert (said.code, set(targets(house).values())) == (1, {"0.1.0"})
    assert said.err == "fleet: 0.1.0 is the only good release: without it devices would run nothing\n"

    assert run("invalidate", "0.1.0+rev1", "--undo").code == 0
    assert set(targets(house).values()) == {"0.1.0+rev1"}


def test_a_draft_becomes_a_release_that_is_followed(run: Any, house: Any) -> None:
    said = run("finalize", "3abc")

    assert said.out == "0.1.0-1795271572000 is 0.1.0+rev2 now; the fleet is to run 0.1.0+rev2 (the latest)\n"
    signed = releases.announcement(house.database, house.draft.id)
    assert (
        manifest.verify(signed.manifest, signed.signature, house.home.public_key(), "3abc" * 8).version == "0.1.0+rev2"
    )
    assert run("finalize", "3abc").err == "fleet: 0.1.0+rev2: not a draft\n"


def test_what_was_not_built_is_not_pinned(run: Any, house: Any) -> None:
    broken = releases.begin(house.database, "0.1.0", house.now)

    said = run("pin", broken.commit_id[:4])

    assert (said.code, said.err) == (1, "fleet: only a release that was built can be pinned\n")
    assert run("pin").code == run("pin", "0.1.0", "--latest").code == 2


def test_a_restart_is_asked_for(run: Any, house: Any) -> None:
    assert run("restart", "hall", "--service", "web").out == "hall restarts web now\n"
    assert run("restart", "shed").out == "shed restarts all its services when it is back: it is offline\n"

    assert devices.restarts(house.database, house.hall.id) == {"web": 1}
    assert devices.restarts(house.database, house.shed.id) == {"": 1}


def test_a_service_is_stopped_and_started(run: Any, house: Any) -> None:
    assert run("stop", "hall", "--service", "web").out == "hall stops web now; it stays so until 'fleet start'\n"
    assert devices.stopped(house.database, house.hall.id) == {"web"}

    assert run("start", "hall", "--service", "web").out == "hall starts web now\n"
    assert devices.stopped(house.database, house.hall.id) == set()
    assert run("start", "hall", "--service", "web").err.startswith("fleet: web was not stopped on hall")
    assert run("stop", "hall", "--service", "wbe").err == "fleet: wbe: no such service; there is relay, web\n"
    assert run("stop", "hall").code == 2


def test_a_device_is_asked_which_one_it_is(run: Any, house: Any) -> None:
    assert run("identify", "hall").code == 0
    assert run("identify", "shed").err == "fleet: shed is offline\n"

    assert devices.identifications(house.database, house.hall.id) == 1
    assert devices.identifications(house.database, house.shed.id) == 0
