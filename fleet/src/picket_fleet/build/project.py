"""What a project says of itself, read as balena's builder reads it; everything that it would refuse, at once."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from docker.utils import parse_bytes

from picket_fleet import compose, compose_file
from picket_fleet.build import composition
from picket_fleet.build.architecture import architecture
from picket_fleet.build.dockerfile import fill_in, is_template, resolve, variables
from picket_fleet.build.errors import RefusedError
from picket_fleet.build.source import Source
from picket_fleet.compose_file import Composition
from picket_fleet.errors import FleetError
from picket_fleet.releases.version import semver

TYPES = ("sw.application", "sw.block")
Pairs = tuple[tuple[str, str], ...]
Scalar = str | int | float | bool | None
Given = dict[str, Scalar] | list[str | dict[str, Scalar]] | None


class BuildVariables(msgspec.Struct, rename={"everywhere": "global"}):
    """What .balena/balena.yml has for `ARG`: for all services, and for each."""

    everywhere: Given = None
    services: dict[str, Given] = {}


@dataclass(frozen=True)
class Recipe:
    """How an image comes to be: taken by the name `image`, or built from the other fields; equal ones are one image."""

    image: str = ""
    context: str = ""  # a folder of the source, "" is its root
    dockerfile: str = ""  # a path of the source
    text: str | None = None  # of the Dockerfile, if it was a template
    target: str = ""
    arguments: Pairs = ()
    labels: Pairs = ()
    extra_hosts: Pairs = ()
    cache_from: tuple[str, ...] = ()
    shm_bytes: int = 0


@dataclass(frozen=True)
class Project:
    """A project that can be built; recipes by the names of services."""

    semver: str
    composition: dict[str, Any]
    recipes: dict[str, Recipe]


@dataclass
class File:
    """A YAML file of the project, and what is wrong with it."""

    path: str
    content: Composition
    problems: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, at: compose_file.Path, why: str) -> None:
        """Note a problem with a value."""
        name = ".".join(map(str, at))
        self.problems.append((self.content.line(at), f"{name}: {why}" if name else why))

    @property
    def data(self) -> dict[str, Any]:
        """Return what is in it."""
        return self.content.data if isinstance(self.content.data, dict) else {}

    def lines(self) -> list[str]:
        """Return the problems, a line each."""
        return [f"{self.path}:{line}: {why}" for line, why in sorted(set(self.problems))]


def read(source: Source, *, device_type: str, fleet: str, release: str) -> Project:
    """Read a project for a type of device; raises RefusedError with all that balena would refuse."""
    composed = _composition(source)
    contract = _yaml(source, "balena.yml", "balena.yaml")
    metadata = _yaml(source, ".balena/balena.yml", ".balena/balena.yaml")
    for problem in compose.check(composed.content.data):
        composed.refuse(problem.path, problem.why)
    version = _check_contract(contract)
    services = _services(composed) if not composed.problems else {}
    given = _build_variables(metadata, services)
    recipes: dict[str, Recipe] = {}
    refused: list[str] = []
    for name, service in services.items():
        filled = variables(
            device_type=device_type,
            architecture=architecture(device_type),
            fleet=fleet,
            release=release,
            service=name,
        )
        try:
            recipes[name] = _recipe(source, composed, name, service, given.get(name, {}), filled)
        except RefusedError as error:
            refused.append(str(error))
    problems = [line for file in (composed, contract, metadata) for line in file.lines()] + refused
    if problems:
        raise RefusedError("\n".join(problems))
    return Project(version, composition.normalise(composed.data), recipes)


def _composition(source: Source) -> File:
    composed = _yaml(source, "docker-compose.yml", "docker-compose.yaml")
    if composed.path:
        return composed
    if not any(path.startswith("Dockerfile") for path in source.files):
        raise RefusedError("there is no docker-compose.yml, and no Dockerfile, at the top of the project")
    return File("Dockerfile", Composition(composition.OF_A_DOCKERFILE, {}))


def _yaml(source: Source, *paths: str) -> File:
    """Read the first of some files that there is; without one the path is ""."""
    path = source.first(*paths)
    if not path:
        return File("", Composition({}, {}))
    try:
        return File(path, compose_file.read(source.text(path) or ""))
    except compose_file.UnreadableError as error:
        raise RefusedError(f"{path}: no YAML: {error}") from None


def _check_contract(file: File) -> str:
    """Return the version that balena.yml gives, 0.0.0 without."""
    if not file.path:
        return semver("")
    if file.data.get("type") not in TYPES:
        file.refuse(("type",), f"expected {' or '.join(TYPES)}")
    try:
        return semver(str(file.data.get("version") or ""))
    except FleetError as error:
        file.refuse(("version",), str(error).removeprefix("balena.yml: version: "))
        return ""


def _services(composed: File) -> Mapping[str, Any]:
    services: Mapping[str, Any] = composed.data.get("services") or {}
    if not services:
        composed.refuse(("services",), "there are none")
    for name, service in services.items():
        for key, text in service.items():
            if key in composition.COMMANDS and isinstance(text, str):
                try:
                    shlex.split(text)
                except ValueError as error:
                    composed.refuse(("services", name, key), str(error))
    return services


def _build_variables(file: File, services: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return by service what .balena/balena.yml has for `ARG`."""
    if file.data.get("build-secrets"):
        file.refuse(("build-secrets",), "only balenaEngine has them")
    try:
        section = msgspec.convert(file.data.get("build-variables") or {}, BuildVariables)
    except msgspec.ValidationError as error:
        file.refuse(("build-variables",), str(error))
        return {}
    for name in section.services:
        if services and name not in services:
            file.refuse(("build-variables", "services", name), "there is no such service")
    everywhere = dict(_pairs_of(section.everywhere))
    return {name: {**everywhere, **dict(_pairs_of(section.services.get(name)))} for name in services}


def _pairs_of(given: Given) -> Iterator[tuple[str, str]]:
    """Read NAME=VALUE, in a mapping, or in a list of mappings or texts."""
    for item in given if isinstance(given, list) else [given or {}]:
        yield from composition.pairs(item if isinstance(item, dict) else [item]).items()


def _recipe(
    source: Source,
    composed: File,
    name: str,
    service: Mapping[str, Any],
    given: Mapping[str, str],
    filled: Mapping[str, str],
) -> Recipe:
    if not service.get("build"):
        return Recipe(image=service["image"])
    build = service["build"]
    at = ("services", name, "build")
    build = {"context": build} if isinstance(build, str) else build
    context = _clean(build["context"])
    if context not in source.folders:
        raise _missing(composed, at, f"there is no folder {build['context']}")
    path = "/".join(filter(None, (context, _clean(build.get("dockerfile", "Dockerfile")))))
    kind = filled["BALENA_MACHINE_NAME"], filled["BALENA_ARCH"]
    dockerfile = resolve(path, source.files, *kind)
    text = source.text(dockerfile) if dockerfile else None
    if text is None:
        raise _missing(composed, at, f"there is no {path}")
    return Recipe(
        context=context,
        dockerfile=dockerfile,
        text=fill_in(text, dockerfile, filled) if is_template(dockerfile, *kind) else None,
        target=str(build.get("target", "")),
        arguments=_sorted({**given, **composition.pairs(build.get("args"))}),
        labels=_sorted(composition.pairs(build.get("labels"))),
        extra_hosts=_sorted(_hosts(build.get("extra_hosts"))),
        cache_from=tuple(build.get("cache_from", ())),
        shm_bytes=int(parse_bytes(build.get("shm_size", 0))),
    )


def _clean(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _missing(composed: File, at: compose_file.Path, why: str) -> RefusedError:
    return RefusedError(f"{composed.path}:{composed.content.line(at)}: {'.'.join(map(str, at))}: {why}")


def _hosts(value: Any) -> dict[str, str]:
    if isinstance(value, list):
        return {name: address for name, _, address in (str(item).partition(":") for item in value)}
    return composition.pairs(value)


def _sorted(values: Mapping[str, str]) -> Pairs:
    return tuple(sorted(values.items()))
