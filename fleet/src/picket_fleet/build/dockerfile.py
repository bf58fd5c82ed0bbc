"""Which Dockerfile a service is built from, and what stands in a template; as balena's builder does it."""

import re
from collections.abc import Container, Mapping

from picket_fleet.build.errors import RefusedError

VARIABLE = re.compile(r"%%([^%\s]+)%%")


def resolve(given: str, files: Container[str], device_type: str, architecture: str) -> str:
    """Return the path of the Dockerfile that goes before the others, "" where there is none."""
    suffixes = (f".{device_type}", f".{architecture}", ".template", "")
    return next((given + suffix for suffix in suffixes if given + suffix in files), "")


def is_template(path: str, device_type: str, architecture: str) -> bool:
    """Tell whether variables are filled in."""
    return path.endswith((f".{device_type}", f".{architecture}", ".template"))


def variables(
    *, device_type: str, architecture: str, fleet: str, release: str, service: str
) -> dict[str, str]:  # the older names, RESIN_, are the same
    """Return what templates may name."""
    values = {
        "ARCH": architecture,
        "MACHINE_NAME": device_type,
        "APP_NAME": fleet,
        "RELEASE_HASH": release,
        "SERVICE_NAME": service,
    }
    return {f"{prefix}_{name}": value for prefix in ("BALENA", "RESIN") for name, value in values.items()}


def fill_in(text: str, path: str, values: Mapping[str, str]) -> str:
    """Fill in `%%NAME%%`; raises RefusedError, with the line, for a name that nobody knows."""
    for number, line in enumerate(text.splitlines(), 1):
        for name in VARIABLE.findall(line):
            if name not in values:
                raise RefusedError(f"{path}:{number}: there is no %%{name}%%; there are {', '.join(values)}")
    return VARIABLE.sub(lambda found: values[found[1]], text)
