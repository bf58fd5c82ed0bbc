"""How Sensirion's chips speak by I2C: a command of 16 bits, and words of 16 bits with a checksum each.

write   command:u16be  [word:u16be crc] ...         read   word crc [word crc] ...   once the command is done

crc     polynomial 31, begun with FF, of the two bytes before it; BE EF has 92
"""

from picket_collectors.source import SourceError


def frame(command: int, *words: int) -> bytes:
    """Return the bytes to send."""
    arguments = (word.to_bytes(2, "big") for word in words)
    return command.to_bytes(2, "big") + b"".join(word + bytes([crc(word)]) for word in arguments)


def parse(answer: bytes) -> tuple[int, ...]:
    """Read the words of an answer; raises SourceError where a checksum is wrong."""
    words = [(answer[at : at + 2], answer[at + 2]) for at in range(0, len(answer), 3)]
    if any(crc(word) != check for word, check in words):
        raise SourceError(f"checksum wrong in {answer.hex(' ')}")
    return tuple(int.from_bytes(word, "big") for word, _ in words)


def crc(data: bytes) -> int:
    """Return the checksum of a word's two bytes."""
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1) ^ 0x131 if value & 0x80 else value << 1
    return value
