"""Any HTTP service that answers with JSON: a weather forecast, an inverter, a neighbour's API.

    GET <url>                                 Accept: application/json
                                              <auth.header>: <token>, or Authorization: Basic ...
                                              If-None-Match, If-Modified-Since: as the last answer said
    200  {"current": {"temperature_2m": 7.1}}     path current.temperature_2m; of a list: hourly.temperature_2m[0], [-1]
    304                                           what was read before still holds
    301 302 303 307 308  Location: ...            followed: to another host only where nothing of ours is sent along
    any other  Retry-After: 120                   a fault; asked again then

A value is what is at its path, times `scale`, plus `offset`: an API's units are normalised by these. null is unknown;
a path that leads nowhere is a fault of that value, and takes no other with it. No error tells the query of the url,
where some APIs want their key, nor anything else that is sent or answered but the names in a document (web.py).
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, field

from picket.backoff import retry_after_seconds
from picket.config.schema import Name, Secret, Section
from picket_collectors.source import AskedToWaitError, Part, Site, SourceError
from picket_collectors.web_address import ADDRESS, shown

if TYPE_CHECKING:
    from picket_collectors.web import Answer, Web

KIND = "http"
RANGES: dict[str, tuple[float, float]] = {}  # each configuration has its own

OK, NOT_MODIFIED = 200, 304
MOST_NAMES = 10
MOST_TEXT = 60
PATH = r"^([^.\[\]]+|\[-?[0-9]+\])(\.[^.\[\]]+|\[-?[0-9]+\])*$"

HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderText = Annotated[str, Meta(pattern=r"^[ -~]*$")]
Headers = dict[str, str]


class Value(Section, frozen=True, kw_only=True):
    """Where a value stands in the document, how it becomes ours, and what is plausible."""

    path: Annotated[str, Meta(pattern=PATH)]
    scale: float = 1.0
    offset: float = 0.0
    range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse a range without anything in it."""
        if self.range and not self.range[0] < self.range[1]:
            raise ValueError(f"expected a range from low to high, got {list(self.range)}")


class Auth(Section, frozen=True, kw_only=True):
    """What proves who asks: a header with a token (in Authorization, one word is sent as a Bearer's), or a password."""

    header: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]*$")] = ""
    token: Secret = ""
    token_file: str = ""
    username: str = ""
    password: Secret = ""
    password_file: str = ""

    def __post_init__(self) -> None:
        """Refuse what is neither or both, and what no header can carry."""
        if bool(self.header) == bool(self.username):
            raise ValueError("expected either header and token, or username and password")
        if not (self.token + self.password).isprintable():
            raise ValueError("expected a token or a password of one line")

    def headers(self) -> Headers:
        """Return what is sent with each request."""
        if self.username:
            pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        is_bearer = self.header.lower() == "authorization" and " " not in self.token
        return {self.header: f"Bearer {self.token}" if is_bearer else self.token}


class Config(Section, frozen=True, kw_only=True, tag="http", tag_field="kind"):
    """A document, and the values in it; `measures` is what the reading is of ("weather")."""

    url: Annotated[str, Meta(pattern=ADDRESS)]
    measures: Name
    values: dict[Name, Value]
    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 300
    timeout_seconds: Annotated[float, Meta(ge=0.5, le=60)] = 10
    headers: dict[HeaderName, HeaderText] = field(default_factory=dict)
    auth: Auth | None = None
    ca_file: str = ""  # the authority of a server of one's own; else the system's are trusted

    def __post_init__(self) -> None:
        """Refuse a document of which nothing is wanted."""
        if not self.values:
            raise ValueError("values: expected one or more")


class Http:
    """Asks one server for one document."""

    def __init__(self, config: Config, web: "Web") -> None:
        """Ask nothing yet."""
        self._config = config
        self._web = web
        self._validators: Headers = {}
        self._parts: Sequence[Part] = ()
        self._bytes = 0

    def sample(self) -> Sequence[Part]:
        """Fetch the document and read the values; raises SourceError that names the server and what is wrong."""
        answer = self._web.get(self._config.url, self._validators)
        if answer.status == NOT_MODIFIED and self._parts:
            return self._parts
        if answer.status != OK:
            raise self._refusal(answer)
        try:
            document = msgspec.json.decode(answer.body.removeprefix(b"\xef\xbb\xbf"))
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{shown(self._config.url)}: the answer is no JSON: {error}") from None
        self._bytes = len(answer.body)
        self._parts = read(document, self._config)
        self._validators = validators(answer.headers)
        return self._parts

    def figures(self) -> Mapping[str, float]:
        """Show how large the document is."""
        return {"document_bytes": self._bytes}

    def close(self) -> None:
        """Leave nothing open: each request has a connection of its own."""

    def _refusal(self, answer: "Answer") -> SourceError:
        text = f"{shown(self._config.url)}: {answer.status} {answer.reason[:MOST_TEXT]}".rstrip()
        seconds = retry_after_seconds(answer.headers.get("retry-after"))
        if seconds is None:
            return SourceError(text)
        return AskedToWaitError(f"{text}; asks to wait {seconds:.0f} s", seconds)


def read(document: Any, config: Config) -> list[Part]:
    """Return the reading of a document, after a word on each path: one that leads nowhere is its value's fault."""
    values: dict[str, float | None] = {}
    parts = []
    for name, value in config.values.items():
        fault = ""
        try:
            found = number(look_up(document, value.path))
            values[name] = None if found is None else round(found * value.scale + value.offset, 6)
        except ValueError as error:
            values[name] = None
            fault = f"{shown(config.url)}: {value.path}: {error}"
        parts.append(Part(f"{name}_path", config.measures, fault=fault))
    return [*parts, Part("", config.measures, values)]


def look_up(document: Any, path: str) -> Any:
    """Follow "hourly.temperature[0]"; raises ValueError that says how far it leads."""
    at = document
    for step in re.findall(r"\[-?[0-9]+\]|[^.\[\]]+", path):
        if step.startswith("["):
            if not isinstance(at, list) or not -len(at) <= (index := int(step[1:-1])) < len(at):
                raise ValueError(f"no {step} in {described(at)}")
            at = at[index]
        else:
            if not isinstance(at, dict) or step not in at:
                raise ValueError(f"no {step!r} in {described(at)}")
            at = at[step]
    return at


def number(found: Any) -> float | None:
    """Return what is at a path as a float: a number, a text that is one, true and false; raises ValueError."""
    if found is None:
        return None
    try:
        return float(found)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected a number, got {described(found)}") from None


def described(at: Any) -> str:
    """Say what a part of a document is; of what stands in it, only the names."""
    if isinstance(at, dict):
        names = ", ".join(sorted(str(name)[:MOST_TEXT] for name in at)[:MOST_NAMES])
        return f"an object with {names or 'nothing'}" + (" ..." if len(at) > MOST_NAMES else "")
    if isinstance(at, list):
        return f"a list of {len(at)}"
    return "a text" if isinstance(at, str) else "null" if at is None else "a number"


def validators(headers: Mapping[str, str]) -> Headers:
    """Return what to send so that a server need not send again what has not changed."""
    pairs = (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
    return {ours: headers[theirs] for ours, theirs in pairs if theirs in headers}


def ranges(config: Config) -> Mapping[str, tuple[float, float]]:
    """Return what is plausible of each value, where the configuration says so."""
    return {name: value.range for name, value in config.values.items() if value.range}


def open_source(config: Config, site: Site) -> Http:
    """Read the authorities; raises SourceError for a `ca_file` that can't be."""
    from picket_collectors.web import Web

    ours = {**config.headers, **(config.auth.headers() if config.auth else {})}
    return Http(config, Web(site, ours, config.timeout_seconds, config.ca_file))
