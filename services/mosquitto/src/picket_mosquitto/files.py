"""Render mosquitto's configuration, its users and what each may do: pure text, written anew at every start.

    user             password                      may
    mqtt.username    mqtt.password                 what its own device says, and hear its commands; hear what its
                                                   collectors listen to
    broker.username  broker.password, if any       everything: Home Assistant, a person
    each of broker.clients, by its name            its topics: a node, Zigbee2MQTT

Nobody else gets in: there is no anonymous access, and no user without a password.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

from picket.config import Config

ROUNDS = 101  # as mosquitto_passwd: the passwords are long and by chance, or chosen by people who may change them
SALT_BYTES = 12
# The longest that is real is a Zigbee bridge's list of its devices, some 10 kB each; the broker has 64 MB in all.
PACKET_BYTES = 2_000_000
QUEUE_BYTES = 4 * PACKET_BYTES  # for one that is away, and of which the broker keeps the session

BASE_TOPICS = {"zigbee2mqtt": "zigbee2mqtt", "nodes": "node"}  # of collectors that name none
PLAIN = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


def write(config: Config) -> Path:
    """Write the three files into the data folder, readable by this user alone; return the configuration's path."""
    folder = Path(config.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("users", users(config)), ("access", access(config)), ("mosquitto.conf", conf(config))):
        fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w") as file:  # noqa: PTH123
            file.write(text)
    return folder / "mosquitto.conf"


def conf(config: Config) -> str:
    """Return mosquitto.conf: what is retained outlives a restart."""
    folder = config.data_dir
    return f"""\
# Written by Picket at every start: change Picket's configuration, not this.
listener 1883
allow_anonymous false
password_file {folder}/users
acl_file {folder}/access
persistence true
persistent_client_expiration 7d
persistence_location {folder}/
autosave_interval 300
set_tcp_nodelay true
max_packet_size {PACKET_BYTES}
max_queued_bytes {QUEUE_BYTES}
log_dest stdout
log_type error
log_type warning
log_type notice
connection_messages false
"""


def users(config: Config) -> str:
    """Return the password file; who has no password does not get in."""
    pairs = {name: client.password for name, client in config.broker.clients.items()}
    pairs |= {config.broker.username: config.broker.password, config.mqtt.username: config.mqtt.password}
    return "".join(f"{name}:{hashed(password)}\n" for name, password in pairs.items() if name and password)


def access(config: Config) -> str:
    """Return the access list."""
    device, root = config.device, config.mqtt.root
    own = [
        f"topic readwrite {root}/{device}/#",
        f"topic readwrite homeassistant/device/picket_{device}/#",
        "topic read homeassistant/status",
        *(f"topic read {topic}/#" for topic in collected(config)),
    ]
    owners = {
        name: [f"topic readwrite {topic}" for topic in client.topics] for name, client in config.broker.clients.items()
    }
    owners |= {config.mqtt.username: own, config.broker.username: ["topic readwrite #"]}
    return "\n".join(f"user {name}\n" + "\n".join(lines) + "\n" for name, lines in owners.items() if name)


def collected(config: Config) -> Iterator[str]:
    """Yield the topic below which each MQTT collector listens; their own process checks the rest of what they say."""
    for entry in config.collectors.values():
        if isinstance(entry, Mapping):
            topic = str(entry.get("base_topic") or BASE_TOPICS.get(str(entry.get("kind")), ""))
            if PLAIN.fullmatch(topic):
                yield topic


def hashed(password: str, salt: bytes | None = None) -> str:
    """Return a password as mosquitto's password file has it: PBKDF2 with SHA-512."""
    salt = salt or secrets.token_bytes(SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
