"""What a service says of itself when it has just been built, and what it has loaded by then."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROBE = """
import json, sys
from importlib import import_module
from picket.config import load_with_origins
from picket.service import Runtime
name, module, build = sys.argv[1:]
runtime = Runtime(name, load_with_origins())
with runtime.closing:
    getattr(import_module(module), build)(runtime)
    runtime.loop.turn(0)
    figures = runtime.health.figures()
    print(json.dumps([figures, sorted({module.split(".")[0] for module in sys.modules})]))
"""


def figures_and_modules(folder: Path, service: str, build: str, **variables: str) -> tuple[dict[str, Any], list[str]]:
    """Build `build` of a service in a process of its own; return its figures and the packages that are loaded."""
    file = folder / "picket.yaml"
    file.write_text("device: demo\n")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, service, f"picket_{service}.service", build],
        env={"PICKET_CONFIG": str(file), **variables},
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
    )
    figures, modules = json.loads(done.stdout)
    return figures, modules
