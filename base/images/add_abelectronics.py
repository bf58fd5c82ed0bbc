"""In a build stage, `add_abelectronics.py ARCHIVE SITE_PACKAGES`: add AB Electronics' classes for ADC Pi and IO Pi.

The archive is that of a commit, by address or as a file. Its modules are plain Python, so they are unpacked as they
are: a build of it would need tools that the lock does not have.
"""

import io
import ssl
import sys
import tarfile
from pathlib import Path
from urllib.request import urlopen

import certifi

WANTED = {"ADCPi/__init__.py", "ADCPi/ADCPi.py", "IOPi/__init__.py", "IOPi/IOPi.py"}
LICENCE = "LICENSE"


def main(archive: str, site_packages: Path) -> None:
    """Unpack the wanted modules; raises SystemExit when they are not all there."""
    found = set()
    with tarfile.open(fileobj=io.BytesIO(fetch(archive))) as tar:
        for member in tar:
            name = member.name.partition("/")[2]
            content = tar.extractfile(member) if name in WANTED or name == LICENCE else None
            if content is None:
                continue
            target = site_packages / ("ADCPi/LICENSE" if name == LICENCE else name)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content.read())
            found.add(name)
    if missing := (WANTED | {LICENCE}) - found:
        sys.exit(f"{archive}: without {', '.join(sorted(missing))}")


def fetch(archive: str) -> bytes:
    """Return an archive's bytes."""
    if "://" not in archive:
        return Path(archive).read_bytes()
    with urlopen(archive, timeout=60, context=ssl.create_default_context(cafile=certifi.where())) as response:
        body: bytes = response.read()
        return body


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
