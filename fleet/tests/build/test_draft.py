"""What pushing a commit would do, found out by building it: nothing of that stays, and the push then says the same."""

import time
from pathlib import Path

import pytest

from fleet.tests.pushing import COMPOSE, PROJECT, House, opened
from picket_fleet.cli import main
from picket_fleet.releases.policy import Policy
from picket_fleet.remote.watch import watch
from picket_fleet.store import devices, keys, releases, rolling, rollouts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LABELLED = COMPOSE.replace("  relay:\n", '  relay:\n    labels: {io.picket.outputs: "the lights go out"}\n')


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def running(house: House) -> House:
    """A fleet whose device hall runs what was pushed."""
    house.commit({"docker-compose.yml": LABELLED})
    house.push()
    with opened(house.home) as database:
        joined = devices.register(database, uuid="a" * 32, name="hall", device_type="x", key=keys.new_key(), now=0.0)
        devices.heard(database, [devices.Contact(joined.id, time.time(), time.time() + 3600)])
        devices.save_running(database, joined.id, house.releases()[0].commit_id)
        devices.save_report(database, joined.id, {"downtimes": {"relay": 2.5}, "update_locks": {"hub": "busy"}})
    return house


def test_a_preview_leaves_nothing_and_the_push_then_says_the_same(
    running: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = PROJECT["relay/Dockerfile"].replace('CMD ["cat"', 'ENV X=1\nCMD ["cat"')
    running.commit({"relay/Dockerfile": changed})
    before = contents(running.home.layers), contents(running.home.deltas), len(running.releases())
    monkeypatch.chdir(running.copy)
    capsys.readouterr()

    code = main(["--fleet", str(running.home.folder), "preview"])
    previewed = capsys.readouterr()
    after = contents(running.home.layers), contents(running.home.deltas), len(running.releases())
    pushed = running.push()

    assert code == 0, previewed.err
    line = previewed.out.strip()
    assert line.startswith("hall: restarts relay; ")
    assert line.endswith("bytes; the lights go out for 2.5 s (as last time) (relay); hub holds an update lock: busy")
    assert after == before
    [size] = [int(part.split()[0].replace(",", "")) for part in line.split("; ") if part.endswith(" bytes")]
    assert f"Delta from 1.2.3: {size:,} bytes" in pushed
    assert f"[Info]       {line}" in pushed


def test_a_push_tells_who_gets_it_first_and_what_it_takes_the_place_of(running: House) -> None:
    with opened(running.home) as database:
        rollouts.set_policy(database, Policy("tag:canary=yes"))
        first = releases.find(database, "latest")
        running.commit({"hub/hub.py": "1\n"})
        one = running.push()
        rolling.look(database, time.time())
        running.commit({"hub/hub.py": "2\n"})
        two = running.push("-o", "watch")

        assert releases.target_of(database, None) == first
    assert "First for tag:canary=yes, then 100 %" in one
    assert (
        "1.2.3+rev1 was halted (nobody to judge by: no device is a canary (tag:canary=yes)); this one takes its" in two
    )
    assert "It is rolled out as soon as the fleet's server runs" in two


def test_who_watches_is_told_what_becomes_of_it(running: House) -> None:
    said: list[str] = []

    class Reader:
        def say(self, _service: str, line: str) -> None:
            said.append(line)

        def still_there(self) -> None:
            pass

    def wait(_seconds: float) -> None:
        with opened(running.home) as database:
            rolling.look(database, time.time())

    with opened(running.home) as database:
        rollouts.set_policy(database, Policy("tag:canary=yes"))
    running.commit({"hub/hub.py": "1\n"})
    running.push()
    watch(running.home, Reader(), wait)  # type: ignore[arg-type]

    assert said[-1].startswith("1.2.3+rev1: halted: nobody to judge by")
