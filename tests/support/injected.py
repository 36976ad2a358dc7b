"""Wallets that a test puts into a browser's pages, as extensions do: EIP-6963 and EIP-1193.

The page's policy stops a page's own requests elsewhere, as it must; what a wallet does happens
outside of the page, here in `Wallet`. Source: EIP-1193, EIP-3085, EIP-3326, EIP-6963.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account as EthAccount

from pekanu.chain import Devnet
from support.wallet import Wallet

REJECTED, UNKNOWN_CHAIN = 4001, 4902
ICON = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="
#: Announces each wallet whenever a page asks, and hands its requests out of the page.
SCRIPT = """
(() => {
  const [uuid, rdns, name, icon] = %s;
  const heard = {};
  const provider = {
    request: async ({ method, params }) => {
      const asked = JSON.stringify(params ?? []);
      const answer = JSON.parse(await window.__askWallet(rdns, method, asked));
      if (answer.code) throw Object.assign(new Error(answer.message), { code: answer.code });
      return answer.result;
    },
    on: (event, listen) => (heard[event] ??= []).push(listen),
  };
  window.__wallets ??= {};
  window.__wallets[rdns] = (event, value) => heard[event]?.forEach((listen) => listen(value));
  const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", {
    detail: Object.freeze({ info: { uuid, rdns, name, icon }, provider }),
  }));
  addEventListener("eip6963:requestProvider", announce);
  announce();
})();
"""


@dataclass(kw_only=True)
class Injected:
    """A wallet in a browser.

    Args:
        devnet: Its chain, once it is told of it.
        name: What it calls itself.
        rdns: Its stable name.
        keys: Accounts; the first one acts.
    """

    devnet: Devnet
    name: str
    rdns: str
    keys: list[str]
    chain_id: int = 1
    chains: set[int] = field(default_factory=lambda: {1})
    #: Methods that the person says no to, once each.
    rejects: list[str] = field(default_factory=list)
    #: What it was asked, in order.
    asked: list[str] = field(default_factory=list)

    @property
    def wallet(self) -> Wallet:
        """The account that acts."""
        return Wallet(self.devnet, self.keys[0])

    async def install(self, context: Any) -> None:
        """Put it into all pages of a context; the binding is shared by several."""
        installed = getattr(context, "pekanu_wallets", None)
        if installed is None:
            installed = context.pekanu_wallets = {}

            async def ask(_source: Any, rdns: str, method: str, params: str) -> str:
                return installed[rdns].answer(method, json.loads(params))

            await context.expose_binding("__askWallet", ask)
        installed[self.rdns] = self
        facts = json.dumps([f"uuid-{self.rdns}", self.rdns, self.name, ICON])
        await context.add_init_script(SCRIPT % facts)

    async def tell(self, page: Any, event: str, value: object) -> None:
        """Let a page hear of something."""
        await page.evaluate(
            "([rdns, event, value]) => window.__wallets[rdns](event, value)",
            [self.rdns, event, value],
        )

    def answer(self, method: str, params: list[Any]) -> str:
        """Return what the page's request is answered, as JSON."""
        self.asked.append(method)
        if method in self.rejects:
            self.rejects.remove(method)
            return json.dumps({"code": REJECTED, "message": "User rejected the request."})
        match method:
            case "eth_requestAccounts" | "eth_accounts":
                # As wallets do: without the checksum.
                found: object = [EthAccount.from_key(key).address.lower() for key in self.keys]
            case "eth_chainId":
                found = hex(self.chain_id)
            case "wallet_switchEthereumChain":
                wanted = int(params[0]["chainId"], 16)
                if wanted not in self.chains:
                    return json.dumps({"code": UNKNOWN_CHAIN, "message": "Unrecognized chain"})
                self.chain_id, found = wanted, None
            case "wallet_addEthereumChain":
                assert params[0]["rpcUrls"] == [self.devnet.rpc]
                self.chain_id, found = int(params[0]["chainId"], 16), None
                self.chains.add(self.chain_id)
            case "personal_sign":
                found = self.wallet.sign_text(bytes.fromhex(params[0][2:]).decode())
            case "eth_signTypedData_v4":
                found = self.wallet.sign_document(json.loads(params[1]))
            case "eth_sendTransaction":
                assert self.chain_id == self.devnet.chain_id
                found = self.wallet.send(params[0])
            case _:
                return json.dumps({"code": 4200, "message": f"{method} is not supported"})
        return json.dumps({"result": found})
