"""TP-Link Kasa plugs and strips, all of them in one process; python-kasa (GPL-3, an extra) carries what is asked."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated

from msgspec import Meta

from picket.config.schema import Name, Port, Secret, Section
from picket_collectors.plug import Plug
from picket_collectors.plug_search import search, surroundings
from picket_collectors.source import Part, Site, SourceError

KIND = "plug"
RANGES = {
    "on": (0, 1),
    "power_w": (0, 5000),
    "voltage_v": (0, 300),
    "current_a": (0, 25),
    "energy_wh": (0, 1e9),
    "energy_today_wh": (0, 120_000),
    "signal_strength_dbm": (-120, 0),
}

TURN_SECONDS = 0.2
SEARCH_SECONDS = 300.0

log = logging.getLogger("kasa_plugs")


class PlugConfig(Section, frozen=True):
    """A plug or a strip, at `host`; one with a `mac` is searched for where it is not there, or has no `host`."""

    host: str = ""
    port: Port | None = None  # None: 9999, or 80 for HTTP
    mac: Annotated[str, Meta(pattern="^(([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})?$")] = ""

    def __post_init__(self) -> None:
        """Refuse one that can't be found; raises ValueError."""
        if not self.host and not self.mac:
            raise ValueError("expected a host or a mac, got neither")


class Config(Section, frozen=True, kw_only=True, tag="kasa", tag_field="kind"):
    """TP-Link Kasa plugs; newer firmware wants the account's username and password."""

    plugs: Annotated[dict[Name, PlugConfig], Meta(min_length=1, max_length=50)]
    username: str = ""
    password: Secret = ""
    password_file: str = ""
    interval_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 30


class Kasa:
    """Reads all plugs at once, each for itself."""

    def __init__(self, config: Config, site: Site) -> None:
        """Connect to nothing yet."""
        from kasa import Credentials

        # It logs each failure as an error, and of a login more than anybody is to see.
        logging.getLogger("kasa").setLevel(logging.CRITICAL)
        credentials = Credentials(config.username, config.password)
        self._site = site
        self._plugs = {
            name: Plug(plug.host, plug.port, plug.mac, credentials, site) for name, plug in config.plugs.items()
        }
        self._search_at = 0.0
        self._runner = asyncio.Runner()

    def sample(self) -> Sequence[Part]:
        """Ask every plug; one that gives nothing says why in its Part."""
        return self._runner.run(self._interruptibly())

    def figures(self) -> Mapping[str, float]:
        """Show how many plugs are where they should not be."""
        return {"plugs_lost": sum(plug.lost for plug in self._plugs.values())}

    def close(self) -> None:
        """Hang up on all."""

        async def hang_up() -> None:
            await asyncio.gather(*(plug.close() for plug in self._plugs.values()))

        with suppress(Exception):
            self._runner.run(hang_up())
        with suppress(Exception):
            self._runner.close()

    async def _interruptibly(self) -> list[Part]:
        """Look every now and then whether the process is to end."""
        work = asyncio.ensure_future(self._all())
        try:
            while not work.done():
                await asyncio.wait([work], timeout=TURN_SECONDS)
                self._site.pause(0)
        finally:
            work.cancel()
        return await work

    async def _all(self) -> list[Part]:
        await self._find_the_lost()
        each = await asyncio.gather(*(self._parts(name, plug) for name, plug in self._plugs.items()))
        return [part for parts in each for part in parts]

    async def _parts(self, name: str, plug: Plug) -> list[Part]:
        try:
            answer = await plug.read()
        except SourceError as error:
            return [Part(name, KIND, fault=str(error))]
        time_ns = time.time_ns()  # now: another plug may take its time
        named = {name: answer.values} | {f"{name}_{n}": values for n, values in enumerate(answer.outlets, start=1)}
        return [Part(part, KIND, values, time_ns=time_ns) for part, values in named.items()]

    async def _find_the_lost(self) -> None:
        lost = [plug for plug in self._plugs.values() if plug.lost and plug.mac]
        if not lost or self._site.clock() < self._search_at:
            return
        self._search_at = self._site.clock() + SEARCH_SECONDS
        places = surroundings(plug.host for plug in self._plugs.values())
        found = await search(places, {plug.search_ports for plug in lost})
        for plug in lost:
            if (host := found.get(plug.mac, plug.host)) != plug.host:
                log.info("the plug with mac %s is at %s", plug.mac, host)
                plug.host = host


def open_source(config: Config, site: Site) -> Kasa:
    """Open no plug yet; raises SourceError where python-kasa is not installed."""
    try:
        return Kasa(config, site)
    except ImportError as error:
        raise SourceError("python-kasa is not installed: it is an extra, picket-collectors[kasa]") from error
