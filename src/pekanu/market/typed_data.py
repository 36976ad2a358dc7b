"""What wallets sign: EIP-712 messages that hold the task itself.

Not here: keys and the act of signing (`pekanu.chain`).
Source: design/market.md, "The task".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pekanu.market.task import DOMAIN_NAME, DOMAIN_VERSION, TASK_TYPE, MarketDomain, Task
from pekanu.types import Address

if TYPE_CHECKING:
    from pekanu.eth_signing import SignableMessage


def _fields(type_text: str) -> list[dict[str, str]]:
    body = type_text[type_text.index("(") + 1 : -1]
    pairs = (field.split(" ") for field in body.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


_DOMAIN_FIELDS: Final = _fields(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_TASK_FIELDS: Final = _fields(TASK_TYPE)


def _build(
    domain: MarketDomain, primary: str, fields: str, message: dict[str, Any]
) -> dict[str, Any]:
    types = {"EIP712Domain": _DOMAIN_FIELDS, "Task": _TASK_FIELDS}
    if fields:
        types[primary] = _fields(f"{primary}({fields})")
    return {
        "types": types,
        "primaryType": primary,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.market,
        },
        "message": message,
    }


def _task_message(task: Task) -> dict[str, Any]:
    names = [field["name"] for field in _TASK_FIELDS]
    return dict(zip(names, task.to_abi(), strict=True))


def build_acceptance(
    domain: MarketDomain, task: Task, worker: Address, expiry: int
) -> dict[str, Any]:
    """Return the typed data by which a worker accepts exactly this task until `expiry`."""
    message = {"task": _task_message(task), "worker": worker, "expiry": expiry}
    return _build(domain, "Acceptance", "Task task,address worker,uint64 expiry", message)


def build_approval(domain: MarketDomain, task: Task, claim_hash: bytes) -> dict[str, Any]:
    """Return the typed data by which a client approves exactly this claim."""
    message = {"task": _task_message(task), "claimHash": claim_hash}
    return _build(domain, "Approval", "Task task,bytes32 claimHash", message)


def build_resolution(domain: MarketDomain, task: Task, to_client: int) -> dict[str, Any]:
    """Return the typed data by which both parties split the price."""
    message = {"task": _task_message(task), "toClient": to_client}
    return _build(domain, "Resolution", "Task task,uint256 toClient", message)


def get_signable(typed_data: dict[str, Any]) -> SignableMessage:
    """Return what `eth_account` signs for a typed-data document."""
    from pekanu.eth_signing import encode_typed_data  # noqa: PLC0415 - slow to import

    return encode_typed_data(full_message=typed_data)
