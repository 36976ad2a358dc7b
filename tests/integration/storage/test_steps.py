"""Each of the 14 steps leaves evidence that a third party checks from chain or signature alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as Recover

from pekanu.chain import Account, Connection
from pekanu.chain.block import parse_receipt
from pekanu.chain.storage_calls import fetch_receipt
from pekanu.chain.storage_contract import StorageFactoryContract, StorageServerContract
from pekanu.chain.storage_events import Deposited, Paid, Registered, Stored, decode_storage_event
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidProof
from pekanu.market.typed_data import get_signable
from pekanu.node.storage.receipts import read_quote, read_receipt
from pekanu.node.storage.steps import Step
from pekanu.node.storage.storer import Ears
from pekanu.storage.agreement import Admission, Registration, StorageDomain
from pekanu.storage.link import Link
from pekanu.storage.state import Status
from pekanu.storage.trees import LeafProof, commit_root, get_proven_root
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Hash32, Seconds
from support.storage import Depot, put


def unhex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def recover(domain: StorageDomain, message: Any, signature: str) -> str:
    document = get_signable(build_typed_data(domain, message))
    return str(Recover.recover_message(document, signature=unhex(signature)))


class Auditor:
    """Knows a chain and the steps' evidence, and nothing else."""

    def __init__(self, chain: Connection, steps: list[dict[str, Any]]) -> None:
        self.chain = chain
        self.evidence = {step["number"]: step["evidence"] for step in steps}
        self.server = StorageServerContract(chain, self.evidence[1]["server"])
        self.domain = self.server.domain

    async def fetch_logs(self, number: int) -> list[Any]:
        found = await self.chain.request(
            "eth_getTransactionReceipt", self.evidence[number]["transaction"]
        )
        mined = parse_receipt(found)
        assert mined.succeeded
        return [
            decode_storage_event(log) for log in mined.logs if log.address == self.server.address
        ]

    async def check_1(self) -> None:
        one = self.evidence[1]
        assert any(isinstance(event, Deposited) for event in await self.fetch_logs(1))
        assert await self.server.fetch_provider() == one["provider"]
        assert keccak256(await self.chain.fetch_code(one["server"])) == unhex(one["code_hash"])

    async def check_2(self) -> None:
        two = self.evidence[2]
        message = Registration(
            client=two["client"],
            sealing_key=Hash32(unhex(two["sealing_key"])),
            valid_until=Seconds(two["valid_until"]),
        )
        assert recover(self.domain, message, two["signature"]) == two["client"]

    async def check_3(self) -> None:
        owners = [e.owner for e in await self.fetch_logs(3) if isinstance(e, Registered)]
        assert owners == [self.evidence[3]["client"]]

    async def check_4(self) -> None:
        four = self.evidence[4]
        message = Admission(
            client=four["client"],
            transaction=Hash32(unhex(four["transaction"])),
            abi_hash=Hash32(unhex(four["abi_hash"])),
            client_code_hash=Hash32(unhex(four["client_code_hash"])),
        )
        assert recover(self.domain, message, four["signature"]) == self.evidence[1]["provider"]

    async def check_5(self) -> None:
        five, quote = self.evidence[5], read_quote(self.evidence[6]["quote"])
        committed = commit_root(unhex(five["root"]), unhex(five["blind"]))
        assert committed == quote.content.root_commitment
        assert (five["size"], five["chunk_count"]) == (
            quote.content.size,
            quote.content.chunk_count,
        )

    async def check_6(self) -> None:
        six, quote = self.evidence[6], read_quote(self.evidence[6]["quote"])
        assert quote.id(self.domain) == unhex(six["agreement_id"])
        assert await self.server.fetch_agreement_id(quote) == unhex(six["agreement_id"])
        assert recover(self.domain, quote, six["signature"]) == self.evidence[1]["provider"]

    async def check_7(self) -> None:
        seven = self.evidence[7]
        factory = StorageFactoryContract(self.chain, seven["factory"])
        assert await factory.fetch_owner(seven["client_contract"]) == seven["owner"]
        code = await self.chain.fetch_code(seven["server"])
        assert keccak256(code) == unhex(seven["server_code_hash"])
        block = await self.chain.fetch_block(seven["block_number"])
        assert block is not None
        assert block.hash == unhex(seven["block_hash"])

    async def check_8(self) -> None:
        eight = self.evidence[8]
        found = await self.chain.request(
            "eth_getBalance", eight["account"], hex(eight["block_number"])
        )
        assert int(found, 16) == int(eight["balance_wei"])
        needed = int(eight["price_wei"]) + int(eight["gas_fee_wei"])
        assert int(eight["balance_wei"]) + int(eight["budget_wei"]) >= needed

    async def check_9(self) -> None:
        (paid,) = [event for event in await self.fetch_logs(9) if isinstance(event, Paid)]
        assert paid.agreement_id == unhex(self.evidence[9]["agreement_id"])
        assert paid.client == self.evidence[9]["client_contract"]
        assert str(paid.quote.terms.price) == self.evidence[9]["price_wei"]
        assert str(paid.quote.terms.penalty) == self.evidence[9]["penalty_wei"]

    async def check_10(self) -> None:
        ten = self.evidence[10]
        logs = await self.chain.fetch_logs(
            self.server.address, ten["block_number"], ten["block_number"]
        )
        (log,) = [log for log in logs if log.index == ten["log_index"]]
        event = decode_storage_event(log)
        assert isinstance(event, Paid)
        assert log.transaction == unhex(ten["transaction"])

    async def check_11(self) -> None:
        eleven = self.evidence[11]
        block = await self.chain.fetch_block(eleven["block_number"])
        assert block is not None
        assert block.hash == unhex(eleven["block_hash"])
        assert eleven["confirmations"] >= eleven["awaited_confirmations"]
        assert eleven["succeeded"]

    async def check_12(self) -> None:
        twelve = self.evidence[12]
        fields = twelve["proof"]
        proof = LeafProof(
            chunk=fields["chunk"],
            first=fields["first"],
            leaf_count=fields["leaf_count"],
            data=unhex(fields["data"]),
            siblings=tuple(Hash32(unhex(node)) for node in fields["siblings"]),
        )
        assert get_proven_root(proof, twelve["chunk_count"]) == unhex(self.evidence[5]["root"])
        parts = twelve["uploaded_chunks"] + twelve["shown_chunks"]
        assert 0 < parts <= twelve["chunk_count"]

    async def check_13(self) -> None:
        thirteen = self.evidence[13]
        receipt, link = read_receipt(thirteen["receipt"]), Link.decode(unhex(thirteen["link"]))
        signer = recover(self.domain, receipt, thirteen["signature"])
        assert signer == self.evidence[1]["provider"]
        assert receipt.link_hash == link.hash
        assert any(isinstance(event, Stored) for event in await self.fetch_logs(13))
        quote = read_quote(self.evidence[6]["quote"])
        shown = await fetch_receipt(
            self.chain, self.domain, quote, Hash32(unhex(thirteen["transaction"]))
        )
        assert shown is not None
        assert (shown.receipt, shown.signature) == (receipt, unhex(thirteen["signature"]))

    async def check_14(self) -> None:
        fourteen, quote = self.evidence[14], read_quote(self.evidence[6]["quote"])
        assert unhex(fourteen["data"]) == self.server.fine(quote).data
        state = await self.server.fetch_agreement(quote.id(self.domain))
        assert state.status is Status.STORED
        assert fourteen["challenge_before"] == state.started + quote.terms.term


async def test_put__when_all_steps_are_taken__then_each_evidence_holds_by_itself(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, chain: Connection
) -> None:
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(bytes(range(256)) * 5000)
    told: list[Step] = []
    numbers = range(1, 15)
    stored = await put(storer, tmp_path / "file", ears=Ears(step=told.append))
    steps = [step.to_json() for step in stored.steps]
    assert [step["number"] for step in steps] == list(numbers)
    assert sorted(step.number for step in told) == list(numbers)
    assert all(set(step) == {"number", "who", "what", "evidence"} for step in steps)
    auditor = Auditor(chain, steps)
    for number in numbers:
        await getattr(auditor, f"check_{number}")()


async def test_audit__when_evidence_is_altered__then_it_fails(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, chain: Connection
) -> None:
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"x" * 1000)
    steps = [step.to_json() for step in (await put(storer, tmp_path / "file")).steps]
    evidence = {step["number"]: step["evidence"] for step in steps}
    data = bytes.fromhex(evidence[12]["proof"]["data"][2:])
    proof = {**evidence[12]["proof"], "data": "0x" + bytes([data[0] ^ 1, *data[1:]]).hex()}
    word = "0x" + "11" * 32
    changes = {
        1: {"provider": accounts[5].address},
        2: {"sealing_key": word},
        3: {"client": accounts[5].address},
        4: {"transaction": word},
        5: {"blind": word},
        6: {"signature": evidence[13]["signature"]},
        7: {"owner": accounts[5].address},
        8: {"balance_wei": "1"},
        9: {"price_wei": "1"},
        10: {"transaction": word},
        11: {"block_hash": word},
        12: {"proof": proof},
        13: {"signature": evidence[6]["signature"]},
        14: {"data": "0x00"},
    }
    for number, change in changes.items():
        auditor = Auditor(chain, steps)
        auditor.evidence[number] = {**auditor.evidence[number], **change}
        with pytest.raises((AssertionError, InvalidProof)):
            await getattr(auditor, f"check_{number}")()
