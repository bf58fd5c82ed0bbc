"""A service as a Pi gets it: built for arm64 under Debian's emulator, and started. It takes long: `make soak`."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from base.images import debian
from picket.messages import Reading
from tests.servers.arm64 import NotHereError, runnable
from tests.servers.containers import docker
from tests.servers.release import Release
from tests.servers.waiting import wait_for

ROOT = Path(__file__).parent.parent
BASE = f"{debian.NAME}:{debian.RELEASE}-arm64"
IMAGE = "picket-arm64/hub"
# What PyPI's packages for a 64-bit Pi are called.
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_26_aarch64", "manylinux_2_28_aarch64")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not os.environ.get("PICKET_SOAK"), reason="a build for arm64 takes minutes: make soak"),
]


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[None]:
    """The kernel runs arm64's programs."""
    try:
        with runnable(tmp_path):
            yield
    except NotHereError as error:
        pytest.skip(f"*** ARM64 IS LEFT OUT: {error} ***")


@pytest.mark.usefixtures("own_engine", "emulator")
def test_the_hub_is_built_for_a_pi_and_keeps_what_it_is_given(tmp_path: Path) -> None:
    image = build(context(tmp_path / "context"))
    reading = Reading(time_ns=time.time_ns(), source="air", kind="air", values={"pm": 2.5})

    container = docker(
        *("run", "--detach", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/data"),
        *("--env", "PICKET__HUB__BIND_ADDRESS=0.0.0.0", "--env", "PICKET_DEVICE=test", image),
    ).strip()
    try:
        address = json.loads(docker("inspect", container))[0]["NetworkSettings"]["IPAddress"]
        ports = {"ingest_port": 5556, "live_port": 5557, "request_port": 5558}
        with Release(tmp_path, hub={"host": address, **ports}) as release:
            wait_for("the hub", release.answers, 120)
            release.publish(("reading.air", reading))
            assert b'"pm":2.5' in release.journal("reading.air")[0].body
        assert docker("exec", container, "uname", "-m").strip() == "aarch64"
        began = time.monotonic()
        docker("stop", "--time", "60", container)
        assert json.loads(docker("inspect", container))[0]["State"]["ExitCode"] == 0
        assert time.monotonic() - began < 60
    finally:
        docker("rm", "--force", container)


def context(folder: Path) -> Path:
    """Lay out what the builder is sent, with arm64's wheels instead of this machine's."""
    ignored = shutil.ignore_patterns("tests", "__pycache__", "*.egg-info")
    for room in ("base", "config", "services", "shared"):
        shutil.copytree(ROOT / room, folder / room, ignore=ignored)
    shutil.copy(ROOT / ".dockerignore", folder)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--python-version", "3.11", "--implementation", "cp"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    lock = folder / "base/requirements.lock"
    subprocess.run(
        [*command, "--dest", str(folder / "var/wheels"), "--requirement", str(lock)], check=True, capture_output=True
    )
    return folder


def build(folder: Path) -> str:
    """Build the hub's image and return its id; the base is made first where there is none."""
    if not docker("images", "--quiet", BASE):
        debian.make("arm64", BASE)
    arguments = {"BASE": BASE, "SERVICE": "hub", "ABELECTRONICS": "", "DEBIAN_MIRROR": debian.mirror()}
    words = [word for argument in arguments.items() for word in ("--build-arg", "=".join(argument))]
    image = docker("build", "--quiet", "--file", str(folder / "base/Dockerfile"), "--tag", IMAGE, *words, str(folder))
    assert json.loads(docker("image", "inspect", IMAGE))[0]["Architecture"] == "arm64"
    return image.strip()
