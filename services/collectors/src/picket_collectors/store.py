"""What a source must remember over a restart: a small JSON file that is either the old one or the new one."""

import json
import logging
import os
from pathlib import Path
from typing import Any

from picket_collectors.source import Site

log = logging.getLogger("store")


class Store:
    """The memory of one source, under the data folder."""

    def __init__(self, site: Site, what: str = "") -> None:
        """Name the file, one for each thing that is remembered by itself; nothing is read or written yet."""
        name = f"{site.name}.{what}.json" if what else f"{site.name}.json"
        self._file = Path(site.config.data_dir) / "collectors" / name
        self._lost = False

    def load(self) -> dict[str, Any]:
        """Return what was saved; nothing where nothing was, or where it can't be read."""
        try:
            remembered = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s can't be read, so it begins anew: %s", self._file, error)
            return {}
        return remembered if isinstance(remembered, dict) else {}

    def save(self, memory: dict[str, Any]) -> None:
        """Replace what was saved; a loss of power leaves one or the other. A full disk costs the memory, no reading."""
        try:
            self._replace(memory)
        except OSError as error:
            if not self._lost:
                log.error("%s can't be written: %s", self._file, error)
            self._lost = True
        else:
            if self._lost:
                log.info("%s is written again", self._file)
            self._lost = False

    def _replace(self, memory: dict[str, Any]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(memory, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
