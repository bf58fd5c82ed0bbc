"""Build the release's images: `python -m base.images.build [SERVICE...]`, as `make image` does.

The classic builder makes the layers, which come out the same every time (see the Dockerfile). What is left that differs
is the image's configuration: the builder dates it. So it is written anew, with what counts and no dates, and loaded
without any layer, since the engine has them all: the same tree is the same image id, with and without a cache.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
EPOCH = 1577836800
DATE = "2020-01-01T00:00:00Z"
KEPT = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "User", "Volumes", "WorkingDir")


def services() -> list[str]:
    """Name the services that are built, once each: two containers may share one image."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return sorted({service["build"]["args"]["SERVICE"] for service in compose["services"].values()})


def defaults() -> dict[str, str]:
    """Return the arguments that this machine asks for: where it has a base of its own, this and apt's mirror."""
    from base.images.debian import NAME, RELEASE, mirror

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


def undated(image: str, name: str) -> str:
    """Give an image a configuration without dates, and a name; return its id."""
    found = json.loads(docker("image", "inspect", image))[0]
    config = {key: found["Config"][key] for key in KEPT if found["Config"].get(key)}
    return load(config, found["RootFS"]["Layers"], found["Architecture"], name, {})


def import_layer(layer: Path, architecture: str, name: str) -> str:
    """Load a file system as an image of one layer and return its id."""
    with layer.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return load({"Cmd": ["bash"]}, [digest], architecture, name, {digest: layer})


def load(config: dict[str, Any], digests: list[str], architecture: str, name: str, layers: Mapping[str, Path]) -> str:
    """Load an image by its configuration and its layers' digests; `layers` are those that the engine may lack."""
    image = {
        "architecture": architecture,
        "os": "linux",
        "created": DATE,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": digests},
    }
    body = json.dumps(image, sort_keys=True, separators=(",", ":")).encode()
    number = hashlib.sha256(body).hexdigest()
    tag = name if ":" in name else f"{name}:latest"
    files = [f"{digest.removeprefix('sha256:')}.tar" for digest in digests]
    manifest = [{"Config": f"{number}.json", "RepoTags": [tag], "Layers": files}]
    command = ["docker", "load", "--quiet"]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment()) as loading,
        tarfile.open(fileobj=loading.stdin, mode="w|") as archive,
    ):
        for digest, path in layers.items():
            archive.add(path, f"{digest.removeprefix('sha256:')}.tar")
        for file, content in ((f"{number}.json", body), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    if loading.returncode:
        sys.exit(f"image: {name} could not be loaded")
    return f"sha256:{number}"


def fetch_wheels(root: Path = ROOT) -> None:
    """Put the lock's wheels where the build finds them: this machine's pip knows the way to its registry."""
    wheels, lock = root / "var/wheels", root / "base/requirements.lock"
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


def docker(*words: str) -> str:
    """Run a docker command and return what it prints; ends the program with what it said when it failed."""
    done = subprocess.run(["docker", *words], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"docker {words[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment of docker commands: it is the classic builder that balena's builders have."""
    return {**os.environ, "DOCKER_BUILDKIT": "0"}


def main() -> None:
    """Build what the arguments name."""
    parser = argparse.ArgumentParser(description="Build the release's images.")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="which (all)")
    parser.add_argument("--simulator", action="store_true", help="the simulator's, for development, instead")
    parser.add_argument("--no-cache", action="store_true", help="build every layer anew")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as of docker build")
    arguments = parser.parse_args()
    fetch_wheels()
    given = defaults() | dict(argument.split("=", 1) for argument in arguments.build_arg)
    if arguments.simulator:
        print(f"picket/simulator {build_simulator()}")  # noqa: T201
        return
    for service in arguments.services or services():
        print(f"picket/{service} {build(service, given, cache=not arguments.no_cache)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
