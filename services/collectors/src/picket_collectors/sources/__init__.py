"""The sources: each module here is one, and its name the `kind` of its `Config`."""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType


class Sources(Mapping[str, ModuleType]):
    """The modules by their kinds; one is imported when it is asked for: a process needs its own alone."""

    def __init__(self) -> None:
        """Look which there are."""
        self._kinds = sorted(found.name for found in pkgutil.iter_modules(__path__))

    def __getitem__(self, kind: str) -> ModuleType:
        """Import a module; raises KeyError where there is none of that kind."""
        if kind not in self._kinds:
            raise KeyError(kind)
        return import_module(f"{__name__}.{kind}")

    def __iter__(self) -> Iterator[str]:
        """Yield the kinds."""
        return iter(self._kinds)

    def __len__(self) -> int:
        """Count them."""
        return len(self._kinds)


def sources() -> Sources:
    """Return each source's module by its kind."""
    return Sources()
