"""States of agreements: asked for once a block while they can change."""

from __future__ import annotations

import asyncio

import pytest

from pekanu.storage.state import AgreementState, Status
from pekanu.types import Hash32
from pekanu.web.agreement_states import AgreementStates

AGREEMENT = Hash32(b"\1" * 32)


class Chain:
    """Answers with a status, and counts."""

    def __init__(self, status: Status) -> None:
        self.status, self.asked, self.at_once, self.most = status, 0, 0, 0

    async def ask(self) -> AgreementState:
        self.asked += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return AgreementState(status=self.status)


# Not paid can be so for a block alone: a reorganization took the payment back, and it comes again.
@pytest.mark.parametrize("status", [one for one in Status if one <= Status.CHALLENGED])
async def test_fetch__of_what_can_change__then_asked_once_a_block(status: Status) -> None:
    states, chain = AgreementStates(), Chain(status)
    for block in (1, 1, 2, 2):
        assert (await states.fetch(AGREEMENT, block, chain.ask)).status is status
    assert chain.asked == 2
    states.forget(AGREEMENT)
    await states.fetch(AGREEMENT, 2, chain.ask)
    assert chain.asked == 3


@pytest.mark.parametrize("status", [one for one in Status if one > Status.CHALLENGED])
async def test_fetch__of_what_is_over__then_asked_once(status: Status) -> None:
    states, chain = AgreementStates(), Chain(status)
    for block in range(3):
        assert (await states.fetch(AGREEMENT, block, chain.ask)).status is status
    assert chain.asked == 1


async def test_fetch__of_many__then_a_few_at_once() -> None:
    states, chain = AgreementStates(), Chain(Status.STORED)
    ids = [Hash32(number.to_bytes(32, "big")) for number in range(100)]
    await asyncio.gather(*(states.fetch(one, 1, chain.ask) for one in ids))
    assert (chain.asked, chain.most) == (100, 16)
