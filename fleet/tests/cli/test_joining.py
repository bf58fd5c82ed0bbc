"""Keys for devices that join, tokens for people that push."""

from typing import Any

from picket_fleet.store import devices, keys


def test_joining_is_one_command(run: Any, house: Any) -> None:
    given = run("join", "garage", "--json").json

    assert given["command"] == (
        f"fleet device join https://10.0.0.5:8443 --fingerprint {house.home.fingerprint()} --key {given['key']}"
    )
    assert given["expires_at"] == "2026-11-22T17:02:52+00:00"
    token = keys.find(house.database, keys.PROVISIONING, given["key"], house.now)
    assert token is not None and (token.device_name, token.replaces) == ("garage", None)
    assert keys.find(house.database, keys.PROVISIONING, given["key"], house.now + 24 * 3600) is None
    assert keys.find(house.database, keys.PERSON, given["key"], house.now) is None, "it does not push"


def test_only_the_last_key_for_a_name_is_good(run: Any, house: Any) -> None:
    first, second = run("join", "garage", "--json").json, run("join", "garage", "--hours", "1", "--json").json

    assert keys.find(house.database, keys.PROVISIONING, first["key"], house.now) is None
    assert keys.find(house.database, keys.PROVISIONING, second["key"], house.now) is not None


def test_a_key_takes_no_living_device_s_place(run: Any, house: Any) -> None:
    assert run("join", "hall").err == (
        "fleet: there is a device named 'hall' already: 'fleet replace' gives its place to another\n"
    )
    assert run("replace", "hall").err == "fleet: hall is online: nobody takes a living device's place\n"

    token = keys.find(house.database, keys.PROVISIONING, run("replace", "shed", "--json").json["key"], house.now)
    assert token is not None and token.replaces == house.shed.id


def test_a_key_goes_with_the_device_that_it_would_replace(run: Any, house: Any) -> None:
    key = run("replace", "shed", "--json").json["key"]

    devices.remove(house.database, house.shed.id)

    assert keys.find(house.database, keys.PROVISIONING, key, house.now) is None


def test_people_get_tokens_and_lose_them(run: Any, house: Any) -> None:
    token = run("token", "new", "anna", "--json").json["token"]
    shown = run("token", "new", "bert", "--days", "3").out
    run("join", "garage")

    assert keys.holder(house.database, keys.PERSON, token, house.now) == "anna"
    assert "git remote add fleet https://10.0.0.5:8443/git/house.git\n" in shown
    assert run("token", "list").out == (
        "NAME         LETS  EXPIRES\n"
        "anna         push  never\n"
        "bert         push  in 3 days\n"
        "join garage  join  in 24 h\n"
    )
    assert token not in run("token", "list", "--json").out
    assert run("token", "new", "anna").err == "fleet: there is a token named 'anna' already\n"

    assert run("token", "revoke", "anna").code == 0
    assert keys.holder(house.database, keys.PERSON, token, house.now) is None
    assert run("token", "revoke", "anna").err == ("fleet: there is no token named 'anna'; there is bert, join garage\n")
