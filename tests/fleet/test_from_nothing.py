"""From an empty folder to three devices that run what was pushed, and then only the line that was edited."""

from collections.abc import Callable

import pytest

from tests.fleet.project import PROJECT, RUNS
from tests.fleet.town import Town
from tests.servers.devices import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def town_of_three(town: Town, site: Site) -> Town:
    """A fleet with three devices that have joined, whose agents run."""
    for machine in site.machines[1:4]:
        town.join(machine, machine.folder.name).start()
    return town


def test_what_is_pushed_runs_on_every_device_and_an_edited_line_replaces_its_service_alone(
    town_of_three: Town, tell: Callable[[str], None]
) -> None:
    first = town_of_three.roll_out(PROJECT)
    second = town_of_three.roll_out({"web/run": f"# the web, better\n{RUNS}"})

    tell(f"release 1: {first}")
    tell(f"release 2: {second}")
    for before, after in zip(first.containers, second.containers, strict=True):
        assert {name for name in after if after[name] != before[name]} == {"web"}
    assert max(second.received_bytes) < 20_000
