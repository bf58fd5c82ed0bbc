"""The settings that replay and tune try: an input's, with changes that are checked like the configuration itself."""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

from picket.config import Config, load
from picket.config.schema import Input
from picket.errors import ConfigError, PicketError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what names an input and changes its settings."""
    parser.add_argument("--config", type=Path, help="the configuration (default: the one of this folder)")
    parser.add_argument("--input", required=True, help="the input whose settings are used")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the input; may be repeated"
    )


def configured(file: Path | None, name: str, changes: Iterable[str] = ()) -> tuple[Config, Input]:
    """Return the configuration and the settings of an input; raises PicketError that names a bad key or value."""
    inputs = load(file).inputs
    if name not in inputs:
        raise PicketError(f"there is no input {name!r}; there are {', '.join(inputs) or 'none'}")
    environment = dict(os.environ)
    given: dict[str, str] = {}
    for change in changes:
        key, is_there, value = change.partition("=")
        if not is_there or not key:
            raise PicketError(f"--set {change}: expected KEY=VALUE")
        variable = f"PICKET__INPUTS__{name}__{key.replace('.', '__')}".upper()
        environment[variable] = value
        given[variable] = f"--set {change}"
    try:
        config = load(file, environment)
    except ConfigError as error:
        text = str(error)
        for variable, argument in given.items():
            text = text.replace(variable, argument)
        raise ConfigError(text) from error
    return config, config.inputs[name]
