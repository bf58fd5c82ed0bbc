"""What the tests of several rooms share: the engine that containers run on, and machines with engines of their own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import busybox, devices, engine
from tests.servers.containers import build_all
from tests.servers.devices import Site

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def own_engine() -> Iterator[engine.Engine | None]:
    """The engine that this session has started; None where one ran already."""
    if engine.answers():
        yield None
        return
    with engine.running(ROOT) as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", started.host)
        yield started


@pytest.fixture(scope="session")
def images(own_engine: engine.Engine | None) -> dict[str, str]:  # noqa: ARG001
    """The ids of all images by service, built from this tree."""
    return build_all()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A bridge, behind it the machines builder, hall, attic and cellar, whose engines run."""
    if missing := devices.missing():
        pytest.skip(f"*** THE FLEET'S TESTS ON REAL ENGINES ARE LEFT OUT: {missing} ***")
    with Site(tmp_path_factory.mktemp("site")) as site:
        machines = [site.machine(name) for name in ("builder", "hall", "attic", "cellar")]
        for machine in machines:
            machine.begin()
        for machine in machines:
            machine.start()
        busybox.load(machines[0].host)
        yield site


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line of figures, whether or not the test goes well."""

    def tell(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}\n")

    return tell
