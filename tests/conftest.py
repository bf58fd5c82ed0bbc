"""What the tests of several rooms share: the engine that containers run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import engine
from tests.servers.containers import build_all

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def own_engine() -> Iterator[engine.Engine | None]:
    """The engine that this session has started; None where one ran already."""
    if engine.answers():
        yield None
        return
    if missing := engine.install():
        pytest.skip(f"*** WHAT NEEDS A DOCKER ENGINE IS LEFT OUT: {missing} ***")
    started = engine.Engine(engine.folder_of(ROOT))
    started.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", started.host)
        yield started
        started.stop()


@pytest.fixture(scope="session")
def images(own_engine: engine.Engine | None) -> dict[str, str]:  # noqa: ARG001
    """The ids of all images by service, built from this tree."""
    return build_all()
