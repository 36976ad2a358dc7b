"""Others' claims on a task's page: computed again, challenged, or left alone."""

from __future__ import annotations

from pathlib import Path

from pekanu.chain import AddressBook, Devnet
from pekanu.node.client_shelf import ClientShelf
from pekanu.web.serving import serve_site
from pekanu.web.site import SiteOptions
from support.browser import open_browser
from support.claims import CLIENT, leave_claim
from support.nodes import open_town


async def test_challenge__of_a_claim_that_is_right__then_nothing_can_be_challenged(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    async with (
        open_town(devnet, market_book, options.home) as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        path = f"/tasks/0x{(await leave_claim(town)).hex()}"
        await browser.wait(path, "Compute it again here")
        early = await browser.send(f"{path}/challenge/review")
        assert early.status_code == 400
        assert "nothing wrong was found" in early.text.lower()
        assert (await browser.send(f"{path}/check")).status_code == 303
        page = await browser.wait(path, "the same to the last bit")
        assert "Challenge it" not in page
        refused = await browser.send(f"{path}/challenge/review")
        assert refused.status_code == 400


async def test_challenge__of_what_this_node_does_not_know__then_a_bundle_lets_it(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions, tmp_path: Path
) -> None:
    async with (
        open_town(devnet, market_book, tmp_path / "elsewhere") as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        task_id = await leave_claim(town)
        path = f"/tasks/0x{task_id.hex()}"
        await browser.wait(path, "Bundle of this task")
        refused = await browser.send(f"{path}/check")
        assert refused.status_code == 400
        headers = {"origin": browser.url, "x-csrf-token": browser.csrf}
        url = browser.url + path + "/bring"
        bad = await browser.client.post(url, content=b"no bundle", headers=headers)
        assert bad.status_code == 400
        assert "no bundle" in bad.text
        bundle = ClientShelf(town.home, devnet.accounts[CLIENT].address).find(task_id)
        assert bundle is not None
        bundle.write(tmp_path / "task.bundle")
        data = (tmp_path / "task.bundle").read_bytes()
        good = await browser.client.post(url, content=data, headers=headers)
        assert good.status_code == 204, good.text
        await browser.wait(path, "Compute it again here")


async def test_challenge__by_its_own_client__then_it_gets_a_bundle_in_its_place(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    async with (
        open_town(devnet, market_book, options.home) as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        task_id = await leave_claim(town)
        path = f"/tasks/0x{task_id.hex()}"
        await browser.wait(path, "Is the claim right?")
        # A stranger gets none of a client's inputs.
        assert (await browser.get(f"{path}/bundle")).status_code == 404
        await town.stack.aclose()
        client = devnet.accounts[CLIENT].address
        await browser.send("/settings/accounts/development", {"address": client})
        await served.site.accounts.open_client(client)
        page = await browser.wait(path, f"{path}/bundle")
        assert "Is the claim right?" not in page
        data = (await browser.get(f"{path}/bundle")).content
        assert data.startswith(b"pekanu audit bundle")
        refused = await browser.send(f"{path}/check")
        assert refused.status_code == 400
