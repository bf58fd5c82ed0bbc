"""What the page would never ask is answered as wrong, or as not there: never as a fault of the server."""

from typing import Any

import pytest

HUGE = 1 << 64
ORDERS = {
    "a release of a huge number": ("pin", f'{{"release": "{HUGE}"}}'),
    "a release that is no text": ("note", '{"release": "\\ud800", "text": "x"}'),
    "a release that is a huge number": ("pin", f'{{"release": {HUGE}}}'),
    "a note of a byte that ends texts": ("note", '{"release": "0.1.0", "text": "\\u0000"}'),
    "a device that is no text": ("restart", '{"device": "\\udfff"}'),
    "an endless time": ("invite", '{"hours": 1e400}'),
    "a time that is no number": ("invite", '{"hours": NaN}'),
    "so many digits of a time": ("rollout_policy", f'{{"canary": "share:10%", "soak": "{"9" * 5000}m"}}'),
    "a share that is none": ("rollout_policy", '{"canary": "share:²%"}'),
}
QUESTIONS = ["log/%ff", "log/%ed%a0%80", f"log/{HUGE}", "preview/%ff", f"preview/{HUGE}", "preview/%00"]


@pytest.mark.parametrize(("name", "body"), ORDERS.values(), ids=ORDERS.keys())
def test_an_order_that_makes_no_sense_is_no_fault(client: Any, name: str, body: str) -> None:
    headers = {"Picket-CSRF": client.csrf, "Content-Type": "application/json"}

    answer = client.http.post(f"{client.base}/page/api/do/{name}", data=body.encode(), headers=headers, timeout=30)

    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_question_that_makes_no_sense_is_no_fault(client: Any, path: str) -> None:
    assert client.get(f"/page/api/{path}").status_code in (400, 404)


def test_a_look_at_what_there_is_not_is_no_fault(client: Any) -> None:
    events = client.events()

    for focus in ({"device": str(HUGE)}, {"release": "../x"}, {"device": "\0"}):
        answer = client.post(f"/page/api/events/{events.id}", focus, method="PUT")
        assert answer.status_code == 200

    assert client.get("/page/api/session").ok
    events.response.close()


def test_a_cookie_or_a_csrf_token_that_is_no_text_opens_nothing(client: Any) -> None:
    headers = {"Picket-CSRF": b"\xff", "Content-Type": "application/json"}

    answer = client.http.post(f"{client.base}/page/api/do/pin", data=b"{}", headers=headers, timeout=30)
    client.http.cookies.clear()
    stranger = client.get("/page/api/session", headers={"Cookie": b"__Host-picket=\xff"})

    assert (answer.status_code, stranger.status_code) == (403, 401)
