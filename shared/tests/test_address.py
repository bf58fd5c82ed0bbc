import pytest

from picket.config.address import Address, parse_address
from picket.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("logs.lan", Address("logs.lan", 514)),
        ("192.168.1.5:10514", Address("192.168.1.5", 10514)),
        ("[fd00::5]", Address("fd00::5", 514)),
        ("[fd00::5]:601", Address("fd00::5", 601)),
    ],
    ids=["name", "number and port", "IPv6", "IPv6 and port"],
)
def test_an_address_is_read_as_people_write_it(text: str, address: Address) -> None:
    assert parse_address(text, 514) == address


@pytest.mark.parametrize("text", ["", ":514", "logs.lan:", "logs.lan:0", "logs.lan:70000", "tcp://logs.lan", 'a" b'])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected host or host:port, got"):
        parse_address(text, 514)
