"""Variables: set, replaced, removed; reserved names refused."""

import pytest

from picket_fleet.errors import FleetError
from picket_fleet.store import variables
from picket_fleet.store.database import Database
from picket_fleet.store.variables import Variable


def test_a_variable_is_set_replaced_and_removed(database: Database) -> None:
    for value in ("1", "2"):
        variables.put(database, Variable(None, "", "LEVEL", value))
        variables.put(database, Variable(None, "web", "LEVEL", value))
    assert variables.everywhere(database) == [Variable(None, "", "LEVEL", "2"), Variable(None, "web", "LEVEL", "2")]

    variables.remove(database, None, "", "LEVEL")

    assert variables.everywhere(database) == [Variable(None, "web", "LEVEL", "2")]
    with pytest.raises(FleetError, match="no such variable"):
        variables.remove(database, None, "", "LEVEL")


@pytest.mark.parametrize("name", ["BALENA_APP_ID", "RESIN_X", "BALENA", "USER", "1A", "A-B", "A B", "", "É", "A\n"])
def test_a_name_that_balena_refuses_is_refused(database: Database, name: str) -> None:
    with pytest.raises(FleetError, match=r"reserved|expected letters"):
        variables.put(database, Variable(None, "", name, "x"))


@pytest.mark.parametrize("name", ["BALENA_SUPERVISOR_OVERRIDE_LOCK", "RESIN_HOST_CONFIG_gpu_mem"])
def test_what_configures_a_device_is_not_for_one_service(database: Database, name: str) -> None:
    variables.put(database, Variable(None, "", name, "1"))

    with pytest.raises(FleetError, match="not a service"):
        variables.put(database, Variable(None, "web", name, "1"))


@pytest.mark.parametrize("value", ["a\0b", "x" * 100_001], ids=["zero", "long"])
def test_a_value_that_no_program_could_be_given_is_refused(database: Database, value: str) -> None:
    with pytest.raises(FleetError, match="a value has"):
        variables.put(database, Variable(None, "", "A", value))
