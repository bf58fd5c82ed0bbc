"""What makes a module a source: true for each of them, those to come included."""

import subprocess
import sys
from types import ModuleType

import msgspec
import pytest

from picket.config.schema import Section
from picket_collectors.sources import sources


@pytest.fixture(params=sorted(sources()))
def module(request: pytest.FixtureRequest) -> ModuleType:
    return sources()[request.param]


def test_the_sources_are_found_by_their_kind() -> None:
    assert {"host", "sds011"} <= set(sources())
    assert all(module.Config.__struct_config__.tag == kind for kind, module in sources().items())


def test_a_source_has_what_the_frame_asks_for(module: ModuleType) -> None:
    assert issubclass(module.Config, Section)
    assert module.Config.__struct_config__.tag_field == "kind"
    assert "interval_seconds" in {field.name for field in msgspec.structs.fields(module.Config)}
    assert module.KIND
    assert all(low < high for low, high in module.RANGES.values())
    assert callable(getattr(module, "open_source", None)) != callable(getattr(module, "open_stream", None))


def test_checking_a_configuration_imports_no_sensor_library() -> None:
    program = "import sys; from picket_collectors.sources import sources; dict(sources()); print(*sys.modules)"

    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert not {"psutil", "serial", "zmq", "paho", "smbus2", "kasa", "urllib3", "http.client"} & set(modules)
