"""Foreign hosts and origins, strangers, oversized files, scripts in what others write."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pekanu import catalog
from pekanu.chain import AddressBook, Connection, Devnet, MarketContract, MemoryPendingStore, Sender
from pekanu.node.client_job import JobRequest
from pekanu.web.guard import MAX_FILE_BYTES
from pekanu.web.serving import Served
from support.moody import MOODY_ELF
from support.nodes import finish, open_town
from support.tabs import Visitors, settle

HOSTILE = 'http://x/"><script>document.title="pwned"</script><img src=x onerror=alert(1)>'


async def test_stranger__without_the_link__then_the_site_asks_for_it(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.open()
    visitors.expected = ("status of 403", "status of 401")
    await page.goto(served.url)
    await page.get_by_role("heading", name="Open the link").wait_for()
    assert "Market" not in await page.locator("body").inner_text()
    await page.goto(f"{served.url}/settings")
    await page.get_by_role("heading", name="Open the link").wait_for()
    await page.goto(f"{served.url}/#token=wrong")
    await page.get_by_text("not this node's").wait_for()
    link = served.make_link()
    await page.goto("about:blank")
    await page.goto(link)
    await page.get_by_role("heading", name="Market", exact=True).wait_for()
    assert "token" not in page.url
    other = await visitors.open()
    await other.goto(link)
    await other.get_by_text("used already").wait_for()


async def test_page__under_a_foreign_name__then_it_is_refused(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.enter(served)
    visitors.expected = ("status of 400", "asks http://evil.localhost")
    # Resolves to this machine, as a name does whose owner rebinds it.
    answer = await page.goto(f"http://evil.localhost:{served.site.port}/")
    assert answer.status == 400
    assert "Pekanu" not in await page.content()


async def test_page__of_another_origin__then_its_requests_and_forms_are_refused(
    served: Served, visitors: Visitors
) -> None:
    await visitors.enter(served)
    server = await asyncio.start_server(_answer_blank, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        page = await visitors.open()
        visitors.expected = ("403", "CORS", "ERR_", "has been blocked", "404")
        await page.goto(f"http://127.0.0.1:{port}/")
        outcome = await page.evaluate(
            """url => fetch(url + "/work/stop", { method: "POST", credentials: "include" })
              .then(answer => answer.status, () => "refused")""",
            served.url,
        )
        assert outcome == "refused"
        async with page.expect_navigation() as going:
            await page.evaluate(
                """url => {
                  const form = Object.assign(document.createElement("form"),
                    { method: "post", action: url + "/work/stop" });
                  document.body.append(form);
                  form.submit();
                }""",
                served.url,
            )
        assert (await going.value).status == 403
        framed = await page.evaluate("window.top === window")
        assert framed


async def _answer_blank(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n")
    writer.write(b"<p>elsewhere</p>"[:15])
    await writer.drain()
    writer.close()


async def test_upload__of_too_much__then_one_sentence_says_so_and_nothing_is_lost(
    served: Served, visitors: Visitors, tmp_path: Path
) -> None:
    large, strange = tmp_path / "large.npy", tmp_path / "strange.npy"
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    strange.write_bytes(b"MZ")
    page = await visitors.enter(served, "/compute/matmul")
    await page.get_by_label("Right matrix", exact=True).fill("[[1, 2]]")
    await page.get_by_label("File for Left matrix").set_input_files(large)
    await page.locator("#field-a .problem", has_text="larger than").wait_for()
    assert await page.get_by_label("Right matrix", exact=True).input_value() == "[[1, 2]]"
    await page.get_by_label("File for Left matrix").set_input_files(strange)
    await page.get_by_text("strange.npy").wait_for()
    await page.locator("#field-a .problem").wait_for()
    await page.get_by_role("button", name="Take another Left matrix").click()
    await page.get_by_label("Left matrix", exact=True).fill("[[1], [2]]")
    await page.locator("#estimate").get_by_text(" steps").wait_for()
    assert await page.locator(".problem").count() == 0


async def test_announcement__with_a_script__then_it_is_only_text(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    page = await visitors.enter(served)
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, market_book.market.address)
        sender = Sender(chain, devnet.accounts[6], MemoryPendingStore())
        await sender.send(market.announce(1, HOSTILE, bytes(32), bytes(32)), key="announce")
    for path in ("/", "/explorer", f"/explorer/{devnet.accounts[6].address}"):
        await page.goto(served.url + path)
        await settle(page)
        await page.get_by_text('<script>document.title="pwned"').first.wait_for()
        assert "pwned" not in await page.title()
        assert await page.locator("main script, main img[src=x]").count() == 0


async def test_task__with_a_script_in_its_name__then_it_is_only_text(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    home, me = served.site.options.home, devnet.accounts[2]
    program = catalog.Program(MOODY_ELF, name=HOSTILE)
    request = JobRequest(
        function=program.name,
        program=program,
        items=(b"s hello",),
        policy=catalog.parse_policy("recompute"),
        max_steps=10**6,
    )
    async with open_town(devnet, market_book, home) as town:
        await town.open_worker(devnet.accounts[1])
        async with open_town(devnet, market_book, home) as buyers:
            client = await buyers.open_client(me)
            handle = await client.submit(request)
            await finish(handle)
        await served.site.accounts.open_client(me.address)
        page = await visitors.enter(served, f"/tasks/{handle.job.job_id}")
        await page.locator("#task-status .badge", has_text="Settled").wait_for()
        await page.goto(f"{served.url}/tasks")
        await page.get_by_role("row", name=HOSTILE[:12]).wait_for()
        assert "pwned" not in await page.title()
        assert await page.locator("main script, main img").count() == 0
