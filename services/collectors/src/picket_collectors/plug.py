"""One TP-Link Kasa plug: where it is, what it speaks, and when it may be asked again.

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
from contextlib import suppress
from typing import TYPE_CHECKING

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
from picket_collectors.plug_search import NEW_PORT, OLD_PORT
from picket_collectors.source import Site, SourceError

if TYPE_CHECKING:
    from kasa import BaseProtocol, Credentials

ANSWER_SECONDS = 3  # whole ones, as python-kasa wants them
PLUG_SECONDS = 12.0
CLOSE_SECONDS = 1.0
REFUSED_SECONDS = 600.0
LONGEST_REASON = 200

log = logging.getLogger("kasa_plugs")

# What a plug may speak, in python-kasa's words: family, encryption, version of the login.
XOR = ("IOT.SMARTPLUGSWITCH", "XOR", 1)
KLAP_1 = ("IOT.SMARTPLUGSWITCH", "KLAP", 1)
KLAP_2 = ("IOT.SMARTPLUGSWITCH", "KLAP", 2)
KLAP_2_SMART = ("SMART.KASAPLUG", "KLAP", 2)


class RefusalError(SourceError):
    """The plug knows another password."""


class Plug:
    """A plug, or a strip."""

    def __init__(self, host: str, port: int | None, mac: str, credentials: "Credentials", site: Site) -> None:
        """Connect to nothing yet; without a host it is lost, and with a `mac` no other is taken for it."""
        self.host = host
        self.mac = plain(mac)
        self.lost = not host
        self.search_ports = (port or OLD_PORT, port or NEW_PORT)
        self._port = port
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
