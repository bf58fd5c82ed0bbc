"""Look for plugs by their MACs: ask the network, and each address around those that are known.

    old   UDP 9999    {"system":{"get_sysinfo":{}}} by XOR, no length    answered alike, with mac or mic_mac
    new   UDP 20002   a head of 16 bytes                                answered by such a head and JSON: result.mac

A broadcast does not leave the bridge network that a container has; datagrams to single addresses do.
"""

import asyncio
import ipaddress
import json
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from picket_collectors.plug_answers import plain

BROADCAST = "255.255.255.255"
OLD_PORT, NEW_PORT = 9999, 20002
NEW_HEAD_BYTES, NEW_FIRST = 16, b"\x02"
ANSWER_SECONDS = 2.0
BURST, BURST_SECONDS = 32, 0.05  # 254 addresses at once would be lost while the network asks who they are

log = logging.getLogger("plug_search")


async def search(addresses: Sequence[str], ports: Collection[tuple[int, int]]) -> dict[str, str]:
    """Return the address of each plug that answers, by its MAC (lower-case digits); `ports` are (old, new)."""
    transport, ear = await asyncio.get_running_loop().create_datagram_endpoint(
        _Ear, local_addr=("0.0.0.0", 0), allow_broadcast=True
    )
    old, new = old_question(), new_question()
    try:
        for number, address in enumerate(addresses, start=1):
            for old_port, new_port in ports:
                transport.sendto(old, (address, old_port))
                transport.sendto(new, (address, new_port))
            if number % BURST == 0:
                await asyncio.sleep(BURST_SECONDS)
        await asyncio.sleep(ANSWER_SECONDS)
    finally:
        transport.close()
    return ear.found


def surroundings(hosts: Iterable[str]) -> list[str]:
    """Return the broadcast address, and all of a home network's /24 around each host that is an address in one."""
    networks = {
        ipaddress.IPv4Network((host, 24), strict=False)
        for host in hosts
        if is_address(host) and ipaddress.IPv4Address(host).is_private
    }
    return [BROADCAST, *(str(address) for network in sorted(networks) for address in network.hosts())]


def is_address(host: str) -> bool:
    """Tell an IPv4 address from a name."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def old_question() -> bytes:
    """Return the question for plugs of old."""
    from kasa.transports.xortransport import XorEncryption

    return XorEncryption.encrypt('{"system":{"get_sysinfo":{}}}')[4:]


def new_question() -> bytes:
    """Return the question for newer plugs."""
    from kasa import Discover

    return bytes(Discover.DISCOVERY_QUERY_2)


def mac_of(data: bytes) -> str:
    """Return the MAC in an answer, "" where it is none."""
    from kasa.transports.xortransport import XorEncryption

    try:
        said = json.loads(data[NEW_HEAD_BYTES:] if data.startswith(NEW_FIRST) else XorEncryption.decrypt(data))
    except ValueError:
        return ""
    match said:
        case {"system": {"get_sysinfo": {"mac": mac} | {"mic_mac": mac}}} | {"result": {"mac": mac}}:
            return plain(mac)
    return ""


class _Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        if mac := mac_of(data):
            self.found[mac] = str(address[0])

    def error_received(self, error: Exception) -> None:
        log.debug("%s", error)  # nobody at one of the addresses
