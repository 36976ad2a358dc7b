"""The product's own sealing, auditing and evidence, judged by contract and slow model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu.crypto import pedersen
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_root
from pekanu.errors import TransactionReverted
from pekanu.market import actions as act
from pekanu.market import delivery
from pekanu.market.claim import Claim, Result
from support.evm import Contract, Evm
from support.reference_seal import SealedBatch, seal_batch
from support.world import CLIENT, STAKE, WORKER, World

KEY, BLINDING = 0xC0FFEE, 0xB11D
TASK_ID = keccak256(b"task")
SIZES = [0, 1, 31, 32, 33, 991, 992, 993, 1024, 2016, 2017, 5000, 40_000]


def make_output(size: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(size))


def make_claim(results: list[Result], ciphertext: bytes) -> Claim:
    x, y = pedersen.commit(KEY, BLINDING)
    sizes = [result.output_size for result in results]
    return Claim(
        results_root=get_root([result.leaf() for result in results]),
        ciphertext_root=delivery.get_ciphertext_root(sizes, ciphertext),
        key_x=x,
        key_y=y,
    )


def seal(outputs: list[bytes]) -> tuple[list[Result], bytearray]:
    sealed = delivery.seal(TASK_ID, KEY, outputs)
    results = [
        Result(output_root=root, output_size=size)
        for root, size in zip(sealed.output_roots, sealed.output_sizes, strict=True)
    ]
    return results, bytearray(sealed.ciphertext)


@pytest.fixture(scope="module")
def seal_check() -> Contract:
    return Evm().deploy("SealCheck")


@pytest.mark.parametrize("size", SIZES)
def test_seal__when_made_by_the_product__then_the_models(size: int) -> None:
    outputs = [make_output(size), b"second", make_output(size // 2)]
    results, ciphertext = seal(outputs)
    model: SealedBatch = seal_batch(TASK_ID, outputs, key=KEY, blinding=BLINDING)
    assert make_claim(results, ciphertext) == model.claim


@pytest.mark.parametrize("size", SIZES)
def test_supply__when_made_by_the_product__then_the_contract_takes_it(
    seal_check: Contract, size: int
) -> None:
    results, ciphertext = seal([b"first", make_output(size), b"third"])
    claim = make_claim(results, ciphertext)
    tree = delivery.CiphertextTree([r.output_size for r in results], ciphertext)
    chunks = delivery.Layout.from_size(size).chunk_count
    first = max(0, chunks - 3)
    evidence = delivery.encode_supply_evidence(tree, results, 1, first, 4)
    supplied = seal_check.call("get_supplied", claim.to_abi(), 3, 1, first, 4, evidence)
    assert supplied == 0b1111


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_complaint__when_any_word_is_corrupted__then_the_contract_agrees(
    data: st.DataObject,
) -> None:
    seal_check = _get_seal_check()
    sizes = data.draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=3))
    results, ciphertext = seal([make_output(size) for size in sizes])
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    ciphertext[place] ^= data.draw(st.integers(1, 255))
    claim = make_claim(results, ciphertext)
    try:
        complaint = delivery.audit(TASK_ID, KEY, results, ciphertext)
    except delivery.UnclearPadding:
        raise AssertionError("a changed block still led to the claimed root") from None
    assert isinstance(complaint, delivery.Complaint)
    tree = delivery.CiphertextTree([r.output_size for r in results], ciphertext)
    evidence = delivery.build_complaint_evidence(tree, results, complaint)
    shown = evidence.encode(KEY, BLINDING)
    assert seal_check.call("is_wrong", TASK_ID, claim.to_abi(), len(sizes), shown)
    assert delivery.is_wrong(TASK_ID, claim, len(sizes), evidence, (KEY, BLINDING))

    honest = seal([make_output(size) for size in sizes])[1]
    tree = delivery.CiphertextTree([r.output_size for r in results], honest)
    evidence = delivery.build_complaint_evidence(tree, results, complaint)
    claim = make_claim(results, honest)
    shown = evidence.encode(KEY, BLINDING)
    assert not seal_check.call("is_wrong", TASK_ID, claim.to_abi(), len(sizes), shown)
    assert not delivery.is_wrong(TASK_ID, claim, len(sizes), evidence, (KEY, BLINDING))


_CACHE: list[Contract] = []


def _get_seal_check() -> Contract:
    if not _CACHE:
        _CACHE.append(Evm().deploy("SealCheck"))
    return _CACHE[0]


def test_complaint__when_the_result_names_another_root__then_the_top_is_wrong(
    seal_check: Contract,
) -> None:
    results, ciphertext = seal([make_output(5000)])
    results[0] = replace(results[0], output_root=keccak256(b"another"))
    complaint = delivery.audit(TASK_ID, KEY, results, ciphertext)
    assert isinstance(complaint, delivery.Complaint)
    tree = delivery.CiphertextTree([5000], ciphertext)
    evidence = delivery.build_complaint_evidence(tree, results, complaint).encode(KEY, BLINDING)
    claim = make_claim(results, ciphertext).to_abi()
    assert seal_check.call("is_wrong", TASK_ID, claim, 1, evidence)
    with pytest.raises(TransactionReverted, match="not the result"):
        seal_check.call("is_wrong", TASK_ID, claim, 2, evidence)


def test_market__when_the_product_complains__then_the_client_wins(world: World) -> None:
    world.use([b"x" * 3000], lies={(0, 6, 1): b"\x22" * 32})
    world.deliver()
    item = world.batch.items[0]
    ciphertext = b"".join(
        b"".join(item.data(chunk)) + b"".join(item.nodes(chunk)) for chunk in range(item.chunks)
    )
    complaint = delivery.audit(world.task_id, world.batch.key, [item.result()], ciphertext)
    assert isinstance(complaint, delivery.Complaint)
    tree = delivery.CiphertextTree([3000], ciphertext)
    assert tree.root == world.batch.claim.ciphertext_root
    shown = delivery.build_complaint_evidence(tree, [item.result()], complaint)
    action = act.Complain(sender=CLIENT, claim_hash=world.claim_hash, is_wrong=True)
    world.do(action, shown.encode(world.batch.key, world.batch.blinding))
    assert world.get_gains() == {CLIENT: STAKE, WORKER: -STAKE}
