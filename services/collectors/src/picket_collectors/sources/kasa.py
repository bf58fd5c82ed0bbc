"""TP-Link Kasa plugs and strips, all of them in one process; python-kasa (GPL-3, an extra) carries what is asked.

    speaks    over                                          since
    XOR       TCP 9999                                      ever
    KLAP 1    HTTP, encrypted by the account's password     2021
    KLAP 2    HTTP, the same with other hashes              2025, and every plug that was updated
    SMART     HTTP as KLAP 2, but other questions           the newest

Which of them a plug speaks is found by trying, in this order, and kept until it fails: firmware may change it any day.
The first that a plug says by KLAP tells us whether our password is right before it is shown any of it, so trying is no
attempt to log in. A plug that knows another password is left alone for a while all the same.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from picket.config.schema import Name, Port, Secret, Section
from picket_collectors.plug_answers import (
    PLUG,
    SMART,
    AnotherLanguageError,
    Answer,
    meters,
    plain,
    plug_answer,
    smart_answer,
)
from picket_collectors.plug_search import NEW_PORT, OLD_PORT, search, surroundings
from picket_collectors.source import Part, Site, SourceError

if TYPE_CHECKING:
    from kasa import BaseProtocol, Credentials

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

ANSWER_SECONDS = 3  # whole ones, as python-kasa wants them
PLUG_SECONDS = 12.0
TURN_SECONDS = 0.2
CLOSE_SECONDS = 1.0
REFUSED_SECONDS = 600.0
SEARCH_SECONDS = 300.0
LONGEST_REASON = 200

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


# What a plug may speak, in python-kasa's words: family, encryption, version of the login.
XOR = ("IOT.SMARTPLUGSWITCH", "XOR", 1)
KLAP_1 = ("IOT.SMARTPLUGSWITCH", "KLAP", 1)
KLAP_2 = ("IOT.SMARTPLUGSWITCH", "KLAP", 2)
KLAP_2_SMART = ("SMART.KASAPLUG", "KLAP", 2)


class RefusalError(SourceError):
    """The plug knows another password."""


class Plug:
    """One plug: where it is, what it speaks, and when it may be asked again."""

    def __init__(self, config: PlugConfig, credentials: "Credentials", site: Site) -> None:
        """Connect to nothing yet."""
        self.host = config.host
        self.mac = plain(config.mac)
        self.lost = not config.host
        self.search_ports = (config.port or OLD_PORT, config.port or NEW_PORT)
        self._port = config.port
        self._credentials = credentials
        self._site = site
        self._protocol: BaseProtocol | None = None
        self._fault, self._refuses = "", False
        self._ask_again_at = 0.0

    async def read(self) -> Answer:
        """Ask for everything; raises SourceError."""
        if not self.host:
            raise SourceError(f"no plug with mac {self.mac} answers: on another network it is found by its host alone")
        if self._refuses and self._site.clock() < self._ask_again_at:
            raise RefusalError(self._fault)
        try:
            answer = await self._answer()
        except SourceError as error:
            await self.close()
            refuses = isinstance(error, RefusalError)
            # What a network says of one loss differs from time to time; it is told once, as it began.
            if not self._fault or refuses is not self._refuses:
                self._fault = str(error)
            self.lost, self._refuses = not refuses, refuses
            self._ask_again_at = self._site.clock() + REFUSED_SECONDS
            raise SourceError(self._fault) from error
        self.lost, self._refuses, self._fault = False, False, ""
        return answer

    async def close(self) -> None:
        """Hang up; never raises."""
        protocol, self._protocol = self._protocol, None
        if protocol:
            with suppress(Exception):
                await asyncio.wait_for(protocol.close(), CLOSE_SECONDS)

    async def _answer(self) -> Answer:
        try:
            async with asyncio.timeout(PLUG_SECONDS):
                answer = await (self._ask(self._protocol, retries=1) if self._protocol else self._try_all())
        except TimeoutError as error:
            raise SourceError(f"no answer from {self.host}") from error
        if self.mac and self.mac != answer.mac:
            raise SourceError(f"{self.host} is another one: its mac is {answer.mac}")
        return answer

    async def _try_all(self) -> Answer:
        try:
            return await self._try(*XOR)
        except SourceError as error:
            by_xor = error
        try:
            return await self._try(*KLAP_1)
        except RefusalError:
            pass  # a plug that speaks KLAP 2 does so, whatever the password
        except SourceError as error:
            raise SourceError("; ".join(dict.fromkeys([str(by_xor), str(error)]))) from error
        try:
            return await self._try(*KLAP_2)
        except AnotherLanguageError:
            return await self._try(*KLAP_2_SMART)

    async def _try(self, family: str, encryption: str, login_version: int) -> Answer:
        from kasa import DeviceConfig, DeviceConnectionParameters
        from kasa.device_factory import get_protocol

        speaks = DeviceConnectionParameters.from_values(family, encryption, login_version=login_version)
        self._protocol = get_protocol(
            DeviceConfig(
                self.host,
                timeout=ANSWER_SECONDS,
                port_override=self._port,
                credentials=self._credentials,
                connection_type=speaks,
            )
        )
        assert self._protocol
        try:
            answer = await self._ask(self._protocol, retries=0)
        except SourceError:
            await self.close()
            raise
        log.info("%s speaks %s (login %s); its mac is %s", self.host, encryption, login_version, answer.mac)
        return answer

    async def _ask(self, protocol: "BaseProtocol", retries: int) -> Answer:
        from kasa import AuthenticationError, SmartProtocol
        from kasa import TimeoutError as NoAnswer

        try:
            if isinstance(protocol, SmartProtocol):
                return smart_answer(await protocol.query(SMART, retries))
            said = await protocol.query(PLUG, retries)
            metered = [await protocol.query(meter, retries) for meter in meters(said)]
            return plug_answer(said, metered)
        except AuthenticationError as error:
            does = "refuses the password" if self._credentials.password else "wants a username and a password"
            raise RefusalError(f"{self.host} {does}; asked again in {REFUSED_SECONDS / 60:.0f} minutes") from error
        except AnotherLanguageError:
            raise
        except NoAnswer as error:
            raise SourceError(f"no answer from {self.host}") from error
        # Garbage trips the library in many ways, and the fault of one plug is not to cost the others.
        except Exception as error:
            raise SourceError(f"{self.host}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """Say in a line what is at the bottom of an error of python-kasa's."""
    while error.__cause__:
        error = error.__cause__
    if isinstance(error, EOFError):
        return "hung up"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__


class Kasa:
    """Reads all plugs at once, each for itself."""

    def __init__(self, config: Config, site: Site) -> None:
        """Connect to nothing yet."""
        from kasa import Credentials

        # It logs each failure as an error, and of a login more than anybody is to see.
        logging.getLogger("kasa").setLevel(logging.CRITICAL)
        credentials = Credentials(config.username, config.password)
        self._site = site
        self._plugs = {name: Plug(plug, credentials, site) for name, plug in config.plugs.items()}
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
