"""Debian's Chromium, and a person who looks at the page with it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers.packages import install_packages

ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / "var" / "screenshots"
AXE = ROOT / "fleet" / "page" / "node_modules" / "axe-core" / "axe.min.js"


def installed_chromium() -> str:
    """Return the path of Debian's Chromium, the page being built; skips where either cannot be had."""
    words = ["make", "--silent", *([] if AXE.exists() else ["--always-make"]), "page"]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if built.returncode or not AXE.exists():
        pytest.skip(f"*** THE PAGE'S TESTS IN A BROWSER ARE LEFT OUT: make page: {built.stderr[-300:]} ***")
    if not shutil.which("chromium"):
        install_packages(["chromium", "iproute2"])
    program = shutil.which("chromium")
    if not program:
        pytest.skip("*** THE PAGE'S TESTS IN A BROWSER ARE LEFT OUT: chromium is not installed ***")
    return program


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """Run a Chromium without a window."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments, timeout=120_000)
        yield browser
        browser.close()


class Looking:
    """A person at a page."""

    def __init__(self, page: Page, base: str) -> None:
        """Look at nothing yet; what the browser complains of is kept."""
        self.page, self.base = page, base
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._hear(said.text) if said.type == "error" else None)

    def _hear(self, complaint: str) -> None:
        """Keep it, but for what did not load: a 401 at first."""
        if not complaint.startswith("Failed to load resource"):
            self.complaints.append(complaint)

    def log_in(self, token: str) -> None:
        """Log in with a token."""
        self.page.goto(self.base)
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="Devices", level=1).wait_for()

    def go(self, place: str) -> None:
        """Go somewhere by the menu."""
        self.page.get_by_role("navigation").get_by_role("link", name=place).click()
        self.page.get_by_role("heading", name=place, level=1).wait_for()

    def faults(self) -> list[str]:
        """Return the accessibility faults that axe finds serious."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run()")
        return [
            f"{fault['id']}: {node['html'][:150]} {node['any'][:1]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    def keep(self, name: str, *, full: bool = True) -> None:
        """Keep a picture of all of the page, or of what is seen of it."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full, animations="disabled")
