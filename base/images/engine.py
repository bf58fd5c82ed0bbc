"""Give images to this machine's Docker engine without dates: the same content is the same id."""

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

EPOCH = 1577836800
DATE = "2020-01-01T00:00:00Z"
KEPT = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "User", "Volumes", "WorkingDir")


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


def docker(*words: str) -> str:
    """Run a docker command and return what it prints; ends the program with what it said when it failed."""
    done = subprocess.run(["docker", *words], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"docker {words[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def environment() -> dict[str, str]:
    """Return the environment of docker commands: it is the classic builder that balena's builders have."""
    return {**os.environ, "DOCKER_BUILDKIT": "0"}
