"""What the site refuses: foreign hosts and origins, strangers, forged and oversized requests."""

from __future__ import annotations

import logging
import re

import httpx
import pytest

from pekanu.web.guard import MAX_BODY_BYTES
from pekanu.web.serving import Served
from support.browser import Browser, open_browser

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


async def test_get__with_a_session__then_each_page_is_there(browser: Browser) -> None:
    pages = ("/", "/compute", "/compute/matmul", "/tasks", "/storage", "/work", "/explorer")
    for path in (*pages, "/settings"):
        page = await browser.see(path)
        assert "<main" in page
        assert "<script>" not in page
        assert " style=" not in page


async def test_get__of_any_answer__then_the_policy_has_no_unsafe_source(browser: Browser) -> None:
    for path in ("/", "/nothing", "/static/robots.txt"):
        answer = await browser.get(path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


async def test_get__of_styles_and_scripts__then_they_are_kept_and_change_their_address(
    browser: Browser,
) -> None:
    found = re.findall(r'"(/static/[0-9a-f]{16}/[^"]+)"', await browser.see("/explain/open"))
    assert len(found) > 10
    for path in found:
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
    other = re.sub(r"[0-9a-f]{16}", "0" * 16, found[0])
    assert (await browser.get(other)).status_code == 404


async def test_get__without_a_session__then_the_front_page_asks_for_the_link(
    served: Served,
) -> None:
    async with open_browser(served, launches=False) as stranger:
        answer = await stranger.get("/")
        assert answer.status_code == 200
        assert "Open the link that the node printed" in answer.text
        assert served.site.options.rpc not in answer.text


@pytest.mark.parametrize("path", ["/settings", "/tasks", "/events?page=market", "/api/requests"])
async def test_get__without_a_session__then_everything_else_is_refused(
    served: Served, path: str
) -> None:
    async with open_browser(served, launches=False) as stranger:
        assert (await stranger.get(path)).status_code == 401


async def test_launch__with_a_token__then_it_works_once(served: Served) -> None:
    token = served.make_link().partition("#token=")[2]
    async with (
        open_browser(served, launches=False) as first,
        open_browser(served, launches=False) as second,
    ):
        answer = await first.send("/launch", {"token": token})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert token not in cookie
        assert (await second.send("/launch", {"token": token})).status_code == 403
        assert (await second.get("/settings")).status_code == 401


async def test_launch__with_a_wrong_token__then_it_is_refused(served: Served) -> None:
    async with open_browser(served, launches=False) as stranger:
        for token in ("", "x" * 43):
            assert (await stranger.send("/launch", {"token": token})).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", ""])
async def test_get__under_a_foreign_host__then_it_is_refused(browser: Browser, host: str) -> None:
    answer = await browser.get("/", headers={"host": host})
    assert answer.status_code == 400
    assert "Market" not in answer.text


async def test_get__under_another_of_its_names__then_it_answers(
    browser: Browser, served: Served
) -> None:
    answer = await browser.get("/", headers={"host": f"localhost:{served.site.port}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {},
    ],
)
async def test_post__from_elsewhere__then_it_is_refused(
    browser: Browser, headers: dict[str, str]
) -> None:
    shown = {**headers, "x-csrf-token": browser.csrf}
    answer = await browser.client.post(browser.url + "/settings/accounts/use", headers=shown)
    assert answer.status_code == 403


async def test_get__as_a_part_of_another_page__then_it_is_refused(browser: Browser) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert (await browser.get("/", headers=headers)).status_code == 403
    headers["sec-fetch-mode"] = "navigate"
    assert (await browser.get("/", headers=headers)).status_code == 200


async def test_post__without_the_pages_token__then_it_is_refused(browser: Browser) -> None:
    good = browser.csrf
    for token in ("", "0" * 64):
        browser.csrf = token
        assert (await browser.send("/settings/accounts/use")).status_code == 403
    browser.csrf = ""
    answer = await browser.send("/settings/accounts/use", {"_csrf": good})
    assert answer.status_code == 303


async def test_post__of_too_much__then_it_is_refused(browser: Browser) -> None:
    answer = await browser.send("/compute/wordcount/estimate", {"text": "x" * MAX_BODY_BYTES})
    assert answer.status_code == 413

    async def pour():  # noqa: ANN202 - an endless body without a length
        for _ in range(MAX_BODY_BYTES // (1 << 16) + 2):
            yield b"x" * (1 << 16)

    headers = {
        "origin": browser.url,
        "x-csrf-token": browser.csrf,
        "content-type": "application/x-www-form-urlencoded",
    }
    try:
        answer = await browser.client.post(
            browser.url + "/compute/wordcount/estimate", content=pour(), headers=headers
        )
    except (httpx.WriteError, httpx.ReadError):
        return  # it hung up in the middle, which refuses as well
    assert answer.status_code == 413


async def test_post__with_secrets__then_the_log_has_none(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    key, password = "0x" + "ab" * 32, "correct horse battery"
    with caplog.at_level(logging.DEBUG):
        answer = await browser.send(
            "/settings/accounts/import", {"name": "x y", "key": key, "password": password}
        )
        assert answer.status_code == 303
        page = await browser.see("/settings")
    assert "cannot name an account" in page
    for secret in (key, key[2:], password):
        assert secret not in caplog.text
        assert secret not in page


async def test_get__of_what_is_not__then_a_page_says_so_and_escapes_it(browser: Browser) -> None:
    for path in ("/tasks/%3Cscript%3Ealert(1)", "/explain/%3Cscript%3E"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "<script>alert" not in answer.text
        assert "<script>" not in answer.text
