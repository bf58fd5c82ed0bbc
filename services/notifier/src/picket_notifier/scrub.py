"""Take secrets out of texts before they leave the device: the configuration's own, and what looks like one."""

import re
from urllib.parse import quote

import msgspec

from picket.config import Config
from picket.config.tree import leaves
from picket.messages import Fault

SECRET_KEY = re.compile(r"(password|token|secret|api_key|webhook_url|ping_url|dsn)$")
WEBHOOK = re.compile(r"(?<=hooks\.slack\.com)/[^\s'\"<>|]+")
URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+(?=@)")
ASSIGNMENT = re.compile(
    r"\b(password|passwd|token|secret|api[_-]?key|authorization)(['\"]?\s*[=:]\s*)((?:bearer|basic|token)\s+)?[^\s,;&)}]+",
    re.IGNORECASE,
)
SHORTEST = 4  # characters; a shorter "secret" would star half of every text


class Scrubber:
    """Knows the values of one configuration's secrets."""

    def __init__(self, config: Config) -> None:
        """Collect them, the longest first: one may be a part of another."""
        values = {
            value
            for path, value in leaves(msgspec.to_builtins(config))
            if path and SECRET_KEY.search(path[-1]) and isinstance(value, str) and len(value) >= SHORTEST
        }
        spellings = {spelling for value in values for spelling in (value, quote(value, safe=""), repr(value)[1:-1])}
        self._values = sorted(spellings, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return the text with every secret starred."""
        for value in self._values:
            text = text.replace(value, "***")
        text = WEBHOOK.sub("/***", text)
        text = URL_CREDENTIALS.sub("***", text)
        return ASSIGNMENT.sub(r"\1\2\3***", text)

    def fault(self, fault: Fault) -> Fault:
        """Return the fault with every secret in its texts starred."""
        return msgspec.structs.replace(fault, text=self.text(fault.text), traceback=self.text(fault.traceback))
