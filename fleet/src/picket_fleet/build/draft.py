"""Build a commit to see what it would do to the devices, and throw it away again.

The images are built by the fleet's own engine, so that the push that comes after finds them in its cache; the deltas
are real ones. Of a release there is no trace: no row, no layer, no delta.
"""

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picket_fleet.build import project, source
from picket_fleet.build.collect import collect
from picket_fleet.build.deltas import Make, images_of, in_order, making
from picket_fleet.build.release import INFO, SCRATCH, Order, Pusher, configs_of, one_at_a_time, saying_once
from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.store import preview, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Release


def try_out(home: Home, commit: str, pusher: Pusher) -> list[dict[str, Any]]:
    """Return what a commit of the repository that this runs in would do to each device; raises FleetError.

    For the form of it see picket_fleet.store.preview.
    """
    with (
        one_at_a_time(home, saying_once(pusher, "A release is being built; this waits")) as database,
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=home.builds) as folder,
    ):
        scratch = Path(folder)
        files = source.archive(commit, scratch / "source.tar", pusher.still_there)
        try:
            name, device_type, number = (
                home.configuration.name,
                home.configuration.device_type,
                releases.new_commit_id(),
            )
            read = project.read(files, device_type=device_type, fleet=name, release=number)
            configs = configs_of(home, database, read, files, scratch, Order(commit), pusher)
            draft = preview.draft_of(number, read.composition, configs)
            with making(home, pusher.still_there) as make:
                sizes = _Sizes(database, make, configs, scratch / "delta", pusher)
                return preview.preview(home, database, draft, sizes.of, time.time())
        finally:
            files.close()
            shutil.rmtree(scratch / "delta", ignore_errors=True)
            collect(home, database)


class _Sizes:
    """Makes deltas to learn how large they are."""

    def __init__(
        self, database: Database, make: Make, configs: Mapping[str, bytes], path: Path, pusher: Pusher
    ) -> None:
        self._database, self._make, self._path, self._pusher = database, make, path, pusher
        self._target = in_order(config for _, config in sorted(configs.items()))

    def of(self, base: Release) -> int | None:
        self._pusher.still_there()
        self._path.mkdir(exist_ok=True)
        file = self._path / base.commit_id
        try:
            self._make(file, images_of(self._database, base.commit_id), self._target)
        except FleetError as error:
            self._pusher.say(INFO, f"No delta from {base.version}: {error}")
            return None
        return file.stat().st_size
