"""The sources: every module here that has a `Config` with a `kind`."""

import pkgutil
from importlib import import_module
from types import ModuleType


def sources() -> dict[str, ModuleType]:
    """Return each source's module by its kind."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {str(module.Config.__struct_config__.tag): module for module in modules if hasattr(module, "Config")}
