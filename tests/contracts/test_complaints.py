"""A wrong seal is one transaction's proof; a right one cannot be complained about."""

from __future__ import annotations

import pytest

from pekanu.errors import Rejected, TransactionReverted
from pekanu.market import actions as act
from pekanu.market.claim import Result
from pekanu.market.state import Status
from support.reference_seal import ORDER, output_tree
from support.world import AGENT, CLIENT, STAKE, STRANGER, WORKER, World

#: 5 chunks: top level 8, so that node (7, 1) has a right child beyond the output.
LONG = bytes(range(256)) * 17
LIE = b"\x5a" * 32


def complain(world: World, *, wrong: bool = True, sender: str = CLIENT) -> act.Complain:
    return act.Complain(sender=sender, claim_hash=world.claim_hash, is_wrong=wrong)


@pytest.mark.parametrize(
    ("lie", "level", "index"),
    [
        ((0, 0, 1), 5, 0),  # the first block
        ((0, 0, 31), 5, 0),
        ((0, 0, 136), 5, 4),  # the last block
        ((0, 5, 0), 5, 0),  # a chunk's node
        ((0, 5, 4), 5, 4),
        ((0, 5, 1), 6, 0),  # seen from the node above as well
        ((0, 6, 0), 6, 0),
        ((0, 6, 2), 6, 2),  # its right child is beyond the output
        ((0, 7, 1), 7, 1),
        ((0, 6, 1), 7, 0),
        ((0, 8, 0), 8, 0),  # the top
        ((0, 8, 0), 9, 0),  # the top against the output root
    ],
)
def test_complain__when_one_place_is_wrong__then_the_client_wins_without_knowing_the_output(
    world: World, lie: tuple[int, int, int], level: int, index: int
) -> None:
    world.use([LONG], lies={lie: LIE})
    world.deliver()
    world.do(complain(world), world.batch.complaint(0, level, index))
    assert world.state.status is Status.FORFEITED
    assert world.get_gains() == {CLIENT: STAKE, WORKER: -STAKE}


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 992, 993, 1024, 2016, 2017])
def test_complain__when_the_claimed_root_is_another__then_the_client_wins(
    world: World, size: int
) -> None:
    honest = bytes(size)
    claimed = Result(output_root=output_tree(b"something else").root, output_size=size)
    world.use([honest], claimed={0: claimed})
    world.deliver()
    top = world.batch.items[0].top
    world.do(complain(world), world.batch.complaint(0, top + 1, 0))
    assert world.get_gains() == {CLIENT: STAKE, WORKER: -STAKE}


def test_complain__when_another_item_of_a_batch_is_wrong__then_the_client_wins(
    world: World,
) -> None:
    world.use([b"a", LONG, b"c", b"d", b"e"], lies={(1, 5, 2): LIE})
    world.deliver()
    world.do(complain(world, sender=AGENT), world.batch.complaint(1, 5, 2))
    assert world.get_gains() == {CLIENT: STAKE, WORKER: -STAKE}


@pytest.mark.parametrize(
    ("level", "index"),
    [(5, 0), (5, 1), (5, 4), (6, 0), (6, 1), (6, 2), (7, 0), (7, 1), (8, 0), (9, 0)],
)
def test_complain__when_the_place_is_right__then_refused(
    world: World, level: int, index: int
) -> None:
    world.use([LONG])
    world.deliver()
    with pytest.raises(Rejected, match="nothing wrong there"):
        world.do(complain(world, wrong=False), world.batch.complaint(0, level, index))


def revert(world: World, evidence: bytes) -> str:
    """Return the reason for which evidence is refused by SealCheck; no balance has moved."""
    call = [world.task.to_abi(), world.batch.claim.to_abi(), evidence]
    with pytest.raises(TransactionReverted) as caught:
        world.market.call("complain", *call, sender=CLIENT)
    world.check()
    return caught.value.reason


@pytest.mark.parametrize(
    ("level", "index"),
    [(4, 0), (5, 5), (5, 1 << 255), (6, 3), (7, 2), (8, 1), (9, 1), (10, 0), (1 << 200, 0), (0, 1)],
)
def test_complain__when_there_is_no_such_place__then_reverted(
    world: World, level: int, index: int
) -> None:
    world.use([LONG])
    world.deliver()
    evidence = world.batch.complaint(0, 6, 1, level=level, index=index)
    assert revert(world, evidence) in {"seal: no such place", "seal: nothing wrong there", ""}


@pytest.mark.parametrize("shift", ["key", "blinding"])
def test_complain__when_the_key_is_shifted_by_the_order__then_reverted(
    world: World, shift: str
) -> None:
    # The same point, another pad: everything would look wrong.
    world.use([LONG])
    world.deliver()
    shifted = {shift: getattr(world.batch, shift) + ORDER}
    assert revert(world, world.batch.complaint(0, 5, 0, **shifted)) == "seal: wrong key"


def test_complain__when_the_key_is_negated__then_reverted(world: World) -> None:
    # The negated key opens a point with the same x (the FDE attack).
    world.use([LONG])
    world.deliver()
    negated = {"key": ORDER - world.batch.key, "blinding": ORDER - world.batch.blinding}
    assert revert(world, world.batch.complaint(0, 5, 0, **negated)) == "seal: wrong key"


def test_complain__when_the_item_is_beyond_count__then_reverted(world: World) -> None:
    world.use([b"a", b"b", b"c"])
    world.deliver()
    assert revert(world, world.batch.complaint(0, 5, 0, item=3)) == "seal: not the result"


def test_complain__when_an_inner_node_is_passed_for_a_result__then_reverted(world: World) -> None:
    world.use([b"a", b"b", b"c", b"d"])
    world.deliver()
    short = world.batch.results_tree.path(0)[1:]
    assert revert(world, world.batch.complaint(0, 5, 0, path=short)) == "seal: not the result"


@pytest.mark.parametrize("part", ["mask", "siblings", "nodes", "swapped"])
def test_complain__when_a_cell_is_not_the_ciphertexts__then_reverted(
    world: World, part: str
) -> None:
    world.use([LONG])
    world.deliver()
    root, nodes, mask, siblings = world.batch.cell(0, 1)
    cell = {
        "mask": (root, nodes, mask | 1 << 16, siblings),
        "siblings": (root, nodes, mask, [*siblings, bytes(32)]),
        "nodes": (root, [*nodes, bytes(32)], mask, siblings),
        "swapped": world.batch.cell(0, 3),
    }[part]
    reason = revert(world, world.batch.complaint(0, 5, 1, cells=[cell]))
    assert reason == "seal: not in the ciphertext"


def test_complain__when_blocks_are_left_out__then_reverted(world: World) -> None:
    world.use([LONG])
    world.deliver()
    data = world.batch.items[0].data(1)
    for wrong in (data[:-1], []):
        reason = revert(world, world.batch.complaint(0, 5, 1, data=wrong))
        assert reason == "seal: wrong number of blocks"


@pytest.mark.parametrize("evidence", [b"", b"\x00", b"\xff" * 31, b"\xff" * 2048, bytes(8192)])
def test_complain__when_evidence_is_garbage__then_reverted(world: World, evidence: bytes) -> None:
    world.use([LONG])
    world.deliver()
    revert(world, evidence)


def test_complain__when_by_a_stranger_or_late__then_refused(world: World) -> None:
    world.use([LONG], lies={(0, 5, 1): LIE})
    world.deliver()
    evidence = world.batch.complaint(0, 5, 1)
    with pytest.raises(Rejected, match="not the client"):
        world.do(complain(world, sender=STRANGER), evidence)
    world.pass_to(world.state.deadline + 1)
    with pytest.raises(Rejected, match="deadline over"):
        world.do(complain(world), evidence)


def test_supply_chunks__when_the_ciphertext_is_another__then_reverted(world: World) -> None:
    world.use([LONG])
    other = world.seal([LONG], key=7)
    world.deliver()
    demand = act.DemandChunks(
        sender=CLIENT, claim_hash=world.claim_hash, item=0, first=0, count=2, value=2 * 10**12
    )
    world.do(demand)
    task, claim = world.task.to_abi(), world.batch.claim.to_abi()
    for evidence in (other.supply_evidence(0, 0, 2), world.batch.supply_evidence(0, 1, 2), b""):
        with pytest.raises(TransactionReverted):
            world.market.call("supply_chunks", task, claim, evidence, sender=WORKER)
    world.check()
