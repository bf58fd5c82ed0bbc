"""Build the release's images: `python -m base.images.build [SERVICE...]`, as `make image` does.

The classic builder makes the layers, which come out the same every time (see the Dockerfile). What is left that differs
is the image's configuration: the builder dates it. So it is written anew, with what counts and no dates, and loaded
without any layer, since the engine has them all: the same tree is the same image id, with and without a cache.
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from base.images.debian import NAME, RELEASE, mirror
from base.images.engine import docker, undated

ROOT = Path(__file__).parent.parent.parent


def services() -> list[str]:
    """Name the services that are built, once each: two containers may share one image."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return sorted({service["build"]["args"]["SERVICE"] for service in compose["services"].values()})


def defaults() -> dict[str, str]:
    """Return the arguments that this machine asks for: where it has a base of its own, this and apt's mirror."""
    own = f"{NAME}:{RELEASE}"
    return {"BASE": own, "DEBIAN_MIRROR": mirror()} if docker("images", "--quiet", own).strip() else {}


def build(
    service: str, arguments: Mapping[str, str], *, cache: bool = True, root: Path = ROOT, prefix: str = "picket"
) -> str:
    """Build a service's image of the tree at `root` under the name <prefix>/<service> and return its id."""
    command = ["build", "--quiet", "--file", str(root / "base/Dockerfile"), "--build-arg", f"SERVICE={service}"]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    done = docker(*command, *([] if cache else ["--no-cache"]), str(root))
    return undated(done.strip(), f"{prefix}/{service}")


def build_simulator() -> str:
    """Build the simulator on top of the hub's image, for development machines, and return its id."""
    file = str(ROOT / "simulator/Dockerfile")
    return undated(docker("build", "--quiet", "--file", file, str(ROOT)).strip(), "picket/simulator")


def fetch_wheels(root: Path = ROOT, lock_name: str = "requirements.lock") -> None:
    """Put a lock's wheels where the build finds them: this machine's pip knows the way to its registry."""
    wheels, lock = root / "var/wheels", root / "base" / lock_name
    wheels.mkdir(parents=True, exist_ok=True)
    done = wheels / f"{hashlib.sha256(lock.read_bytes()).hexdigest()}.fetched"
    if done.exists():
        return
    for old in wheels.iterdir():
        old.unlink()
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*command, "--only-binary=:all:", "--require-hashes", "--dest", str(wheels), "--requirement", str(lock)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    done.touch()


def main() -> None:
    """Build what the arguments name."""
    parser = argparse.ArgumentParser(description="Build the release's images.")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="which (all)")
    parser.add_argument("--simulator", action="store_true", help="the simulator's, for development, instead")
    parser.add_argument("--no-cache", action="store_true", help="build every layer anew")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as of docker build")
    arguments = parser.parse_args()
    given = defaults() | dict(argument.split("=", 1) for argument in arguments.build_arg)
    if arguments.simulator:
        print(f"picket/simulator {build_simulator()}")  # noqa: T201
        return
    fetch_wheels(lock_name="kasa.lock" if given.get("KASA") else "requirements.lock")
    for service in arguments.services or services():
        print(f"picket/{service} {build(service, given, cache=not arguments.no_cache)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
