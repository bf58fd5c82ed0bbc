"""How the page looks, and to whom: two widths, two colour schemes, no serious accessibility fault in any view."""

from typing import Any

import pytest

from picket_fleet.store import devices, releases, variables

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_is_good_to_see_and_to_hear(house: Any, looking: Any, width: int, scheme: str) -> None:
    person = looking(width, scheme)
    page, found = person.page, {}

    def look(name: str) -> None:
        wide = page.evaluate("document.documentElement.scrollWidth")
        found[name] = person.faults() + ([f"{wide} px wide"] if wide > width else [])
        person.keep(f"{name}-{width}-{scheme}", full=name != "dialog")

    page.goto(person.base)
    page.get_by_label("Token").wait_for()
    look("login")
    person.log_in(house.token)
    page.get_by_role("link", name="cellar").wait_for()
    look("devices")
    page.get_by_role("link", name="hall", exact=True).click()
    page.get_by_text("journal 12,345 messages").first.wait_for()
    look("device")
    page.get_by_role("button", name="Pin…").click()
    page.get_by_role("dialog").wait_for()
    look("dialog")
    page.keyboard.press("Escape")
    person.go("Releases")
    look("releases")
    page.get_by_role("link", name="0.1.0+rev1").first.click()
    page.get_by_text("Step 5/5").first.wait_for()
    page.get_by_text("940 B").wait_for()
    look("release")
    person.go("Variables")
    page.get_by_role("button", name="show COLOUR").click()
    page.get_by_text("red", exact=True).wait_for()
    look("variables")
    person.go("Join")
    page.get_by_role("textbox", name="Name").fill("attic2")
    page.get_by_role("button", name="Show the command").first.click()
    page.get_by_text("sudo fleet device join").wait_for()
    look("join")

    assert {name: faults for name, faults in found.items() if faults} == {}
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_rollout_is_good_to_see_and_stopped_by_hand(house: Any, looking: Any, width: int, scheme: str) -> None:
    person = looking(width, scheme)
    page = person.page
    person.log_in(house.token)

    house.roll_out()
    page.get_by_role("heading", name="Rollout of").wait_for()
    page.get_by_text("2 devices that are to have it").wait_for()
    faults = person.faults()
    person.keep(f"rollout-{width}-{scheme}")
    page.get_by_role("button", name="Halt…").click()
    page.get_by_role("dialog").get_by_role("button", name="Halt").click()
    page.get_by_text("goes to nobody else").wait_for()
    page.get_by_text("halted", exact=True).wait_for()

    assert faults == person.faults() == []


def test_nothing_is_wider_than_any_screen_however_long_its_name(house: Any, looking: Any) -> None:
    hall = house.device("hall")
    devices.rename(house.database, hall.id, "x" * 60)
    devices.tag(house.database, hall.id, "picket_health", "y" * 120)
    releases.annotate(house.database, house.second.id, "z" * 300)
    variables.put(house.database, variables.Variable(hall.id, "", "V" * 80, "v" * 500))
    person = looking()
    person.log_in(house.token)
    places = [
        "#/",
        f"#/device/{hall.uuid}",
        "#/releases",
        f"#/release/{house.second.commit_id}",
        "#/variables",
        "#/join",
    ]

    found = {}
    for place in places:
        person.page.goto(f"{person.base}/{place}")
        person.page.locator("main h1").wait_for()
        for width in (320, 390, 600, 768, 900, 1024, 1280):
            person.page.set_viewport_size({"width": width, "height": 800})
            wide = person.page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found[place[:9], width] = wide

    assert found == {}
