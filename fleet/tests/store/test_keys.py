"""Keys and tokens: shown once, good until they expire or are revoked."""

import pytest

from picket_fleet.errors import FleetError
from picket_fleet.store import keys
from picket_fleet.store.database import Database


def test_a_token_opens_what_it_is_for_until_it_expires(database: Database) -> None:
    key = keys.give_out(database, keys.PERSON, "ann", expires_at=100.0)

    assert keys.holder(database, keys.PERSON, key, now=99.0) == "ann"
    assert keys.holder(database, keys.PERSON, key, now=100.0) is None
    assert keys.holder(database, keys.PROVISIONING, key, now=99.0) is None
    assert keys.holder(database, keys.PERSON, key + "x", now=99.0) is None


def test_a_revoked_token_opens_nothing(database: Database) -> None:
    key = keys.give_out(database, keys.PROVISIONING, "garden")
    assert keys.holder(database, keys.PROVISIONING, key, now=1e12) == "garden"

    keys.revoke(database, "garden")

    assert keys.holder(database, keys.PROVISIONING, key, now=0.0) is None
    with pytest.raises(FleetError, match="no token named"):
        keys.revoke(database, "garden")


def test_a_secret_is_not_kept(database: Database) -> None:
    key = keys.give_out(database, keys.PERSON, "ann")

    assert not any(key in str(value) for row in database.all("SELECT * FROM token") for value in row)
    with pytest.raises(FleetError, match="already"):
        keys.give_out(database, keys.PERSON, "ann")
