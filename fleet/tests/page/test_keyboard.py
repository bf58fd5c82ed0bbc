"""By keyboard alone, with a server that goes away, and with names and logs that mean harm."""

import re
import time
from typing import Any

import pytest

from picket_fleet.store import devices, logs, releases, variables
from picket_fleet.store.logs import Line

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HARM = "<img src=x onerror=window.harmed=1>"
SCRIPT = "</p><script>window.harmed=1</script><svg onload=window.harmed=1>\x1b[31mred\x1b[0m \u202egnihton"


def test_text_that_means_harm_is_text(house: Any, looking: Any) -> None:
    hall = house.device("hall").id
    devices.rename(house.database, hall, HARM)
    devices.tag(house.database, hall, "picket_health", SCRIPT)
    devices.tag(house.database, hall, "<b>floor</b>", "javascript:window.harmed=1")
    releases.annotate(house.database, house.second.id, SCRIPT)
    variables.put(house.database, variables.Variable(hall, "", "HARM", SCRIPT))
    said = devices.get(house.database, hall).report
    devices.save_report(house.database, hall, {**said, "os_version": SCRIPT, "ip_address": HARM})
    logs.append(house.database, hall, [Line(house.now, "web", False, False, SCRIPT)])
    person = looking()
    page = person.page

    person.log_in(house.token)
    page.get_by_role("link", name=HARM).click()
    page.get_by_role("region", name="Log").get_by_text("<script>window.harmed=1</script>").wait_for()
    page.get_by_role("button", name="show HARM").click()
    page.get_by_role("button", name="hide HARM").wait_for()
    person.go("Releases")
    page.get_by_text("<svg onload=window.harmed=1>").wait_for()

    assert page.evaluate("window.harmed") is None
    assert page.locator("main img, main script, main svg").count() == 0
    assert person.complaints == []


def test_the_keyboard_is_enough(house: Any, looking: Any) -> None:
    page = looking().page
    page.goto(f"https://127.0.0.1:{house.fleet.port}")
    page.get_by_label("Token").and_(page.locator(":focus")).wait_for()
    page.keyboard.type(house.token)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="cellar").wait_for()
    page.locator("h1:focus").wait_for()

    focused = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("document.activeElement.textContent || document.activeElement.type"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", focused[-1]
        if focused[-1] == "hall":
            break
    seen = ["house", "Devices", "Releases", "Variables", "Join", "Log out", "search", "attic", "cellar"]
    # from the heading, which has the focus, on
    assert [name for name in focused if name in ("search", "attic", "cellar", "hall")] == [*seen[6:], "hall"]

    page.keyboard.press("Enter")
    page.get_by_role("heading", name="hall", level=1).and_(page.locator(":focus")).wait_for()
    page.get_by_role("button", name="Rename…").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    assert page.evaluate("document.activeElement.name") == "name"
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == "Rename…"

    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type("entrance")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="entrance", level=1).wait_for()


def test_a_wrong_token_is_said_and_the_last_word_is_the_servers(house: Any, looking: Any) -> None:
    person = looking()
    page = person.page
    page.goto(person.base)

    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").get_by_text("this token opens nothing").wait_for()
    page.get_by_label("Token").fill(house.token)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="cellar").wait_for()

    page.get_by_role("link", name="garage").click()
    page.get_by_role("button", name="Pin…").click()
    page.get_by_role("dialog").get_by_role("combobox").select_option("0.1.0 (final)")
    page.get_by_role("button", name="Set", exact=True).click()
    page.get_by_text("garage is to run 0.1.0 (pinned)").wait_for()
    page.get_by_text("pinned", exact=True).wait_for()


def test_another_ones_change_is_seen_without_loading_anew(house: Any, looking: Any) -> None:
    person = looking()
    person.log_in(house.token)
    person.page.evaluate("window.same = 1")

    house.release(0, note="from elsewhere")
    house.seen("attic", 0, house.second, "done")

    row = person.page.get_by_role("row").filter(has_text="attic")
    row.get_by_text("0.1.0+rev2").wait_for()
    assert person.page.evaluate("window.same") == 1


def test_a_thousand_devices_are_there_and_can_be_found(house: Any, looking: Any) -> None:
    with house.database.transaction():
        for index in range(1000):
            devices.register(
                house.database, uuid=f"{index:032x}", name=f"pi-{index}", device_type="x", key=f"k{index}", now=1.0
            )
    person = looking()
    person.log_in(house.token)
    page = person.page
    page.get_by_text("1005 devices").wait_for()

    began = time.monotonic()
    page.get_by_role("searchbox").fill("pi-77")
    page.get_by_role("link", name="pi-770").wait_for()
    devices.tag(house.database, devices.find(house.database, "pi-777").id, "place", "shore")
    page.get_by_text("place=shore").wait_for()

    assert page.get_by_role("row").count() == 12  # the head, 77 and 770 to 779
    assert time.monotonic() - began < 60


def test_what_is_refused_is_said_in_the_dialog_that_asked(house: Any, looking: Any) -> None:
    person = looking()
    page = person.page
    person.log_in(house.token)
    page.get_by_role("link", name="hall", exact=True).click()
    page.get_by_role("button", name="Rename…").click()

    dialog = page.get_by_role("dialog")
    dialog.get_by_label("New name").fill("attic")
    dialog.get_by_role("button", name="Rename").click()
    dialog.get_by_role("alert").get_by_text("attic").wait_for()
    dialog.get_by_label("New name").fill("entrance")
    dialog.get_by_role("button", name="Rename").click()

    page.get_by_role("heading", name="entrance", level=1).wait_for()


def test_what_is_typed_and_chosen_stays_while_other_things_change(house: Any, looking: Any) -> None:
    person = looking()
    page = person.page
    person.log_in(house.token)

    def something_changes(value: str) -> None:
        """Let the page hear of something that it draws, and see that it has."""
        devices.tag(house.database, house.device("hall").id, "picket_health", f"degraded: {value}")
        page.wait_for_function("value => document.body.textContent.includes(value)", arg=f"degraded: {value}")

    page.get_by_role("link", name="hall", exact=True).click()
    page.get_by_role("button", name="Rename…").click()
    page.get_by_label("New name").fill("entrance")
    something_changes("hub")
    assert page.get_by_label("New name").input_value() == "entrance"
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Set a variable…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("LEVEL")
    dialog.get_by_label("Value").fill("debug")
    dialog.get_by_label("Service").select_option("web")
    dialog.get_by_label("Device").select_option("all devices")
    something_changes("recorder")
    page.get_by_role("button", name="Set", exact=True).click()
    page.get_by_text("LEVEL: set for web on all devices").wait_for()

    person.go("Join")
    page.get_by_label("Good for (hours)").first.fill("2")
    house.release(0)
    invitation = house.fleet.provisioning_key(expires_at=time.time() + 3600)
    page.get_by_role("table").get_by_text(re.compile(r"in 5\d min")).wait_for()
    assert invitation and page.get_by_label("Good for (hours)").first.input_value() == "2"
