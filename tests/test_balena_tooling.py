"""balena's own tools take the release: its parser normalises the composition, its command line builds the images."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.tests.matrix import MATRIX, composition, compositions
from picket_fleet.compose import check
from tests.servers.balena import balena, install, judge
from tests.servers.containers import arguments, build_all, docker
from tests.servers.npm import NotInstalledError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tools() -> Path:
    """Where balena's tools are."""
    try:
        return install()
    except NotInstalledError as error:
        pytest.skip(f"*** BALENA'S TOOLS ARE LEFT OUT: {error} ***")


@pytest.fixture(scope="module")
def release() -> Any:
    """The release's own composition."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def build_arguments(own_engine: object) -> dict[str, str]:  # noqa: ARG001
    """What a build needs to be told on this machine, whose engine has built the release already."""
    build_all()
    return arguments()


def test_the_matrix_is_what_the_older_parser_says(tools: Path) -> None:
    verdicts = judge(tools, {name: composition(row) for name, row in MATRIX.items()})

    said = {name: "refuses" if "refused" in verdict else "takes" for name, verdict in verdicts.items()}
    assert said == {name: row["old"] for name, row in MATRIX.items()}


def test_what_we_take_the_older_parser_takes(tools: Path) -> None:
    taken = {str(number): one for number, one in enumerate(compositions(20_000)) if not check(one)}

    verdicts = judge(tools, taken)

    assert len(taken) > 1000
    assert not {verdict["refused"]: taken[name] for name, verdict in verdicts.items() if "refused" in verdict}


def test_the_release_is_taken_and_asks_devices_for_nothing(tools: Path, release: Any) -> None:
    verdict = judge(tools, {"release": release})["release"]

    assert "refused" not in verdict
    assert verdict["contracts"] == []
    services = verdict["composition"]["services"]
    assert set(services) == set(release["services"])
    assert all(service.get("tty") is False for service in services.values()), "balena's own default merges stderr"


@pytest.mark.parametrize(
    ("device_type", "architecture"), [("raspberrypi4-64", "aarch64"), ("genericx86-64-ext", "amd64")]
)
def test_balena_s_command_line_builds_what_docker_builds(
    tools: Path, release: Any, build_arguments: dict[str, str], tmp_path: Path, device_type: str, architecture: str
) -> None:
    # Images have the architecture of the base: without Docker Hub that is this machine's for both.
    project = f"picket-{device_type}"
    words = ["build", str(ROOT), "--deviceType", device_type, "--arch", architecture, "--projectName", project]
    for argument in build_arguments.items():
        words += ["--buildArg", "=".join(argument)]

    said = balena(tools, *words, "--nologs", folder=tmp_path, seconds=800)

    assert "Build succeeded" in said
    # The same layers mean that it sent the same files: it reads .dockerignore as Docker does.
    for name, service in release["services"].items():
        words = [
            "--quiet",
            "--file",
            "base/Dockerfile",
            "--build-arg",
            f"SERVICE={service['build']['args']['SERVICE']}",
        ]
        for argument in build_arguments.items():
            words += ["--build-arg", "=".join(argument)]
        assert layers(f"{project}_{name}") == layers(docker("build", *words, str(ROOT)).strip())
        docker("image", "rm", f"{project}_{name}")


def layers(image: str) -> list[str]:
    """Return the digests of an image's layers."""
    found: list[str] = json.loads(docker("image", "inspect", image))[0]["RootFS"]["Layers"]
    return found
