"""Whatever a worker falsifies is found, and the evidence is what the contract takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_root
from pekanu.crypto.pedersen import commit
from pekanu.errors import InvalidProof
from pekanu.market import delivery
from pekanu.market.claim import Claim, Result
from pekanu.market.delivery import (
    Anchor,
    CiphertextTree,
    Complaint,
    ComplaintEvidence,
    Layout,
    UnclearPadding,
    audit,
    audit_item,
    build_complaint_evidence,
    encode_result_evidence,
    encode_supply_evidence,
    get_ciphertext_root,
    get_item_offsets,
    is_cell,
    is_wrong,
    place_cell,
    seal,
)
from support.reference_seal import (
    CELL_ABI,
    FULL_CELL_ABI,
    ORDER,
    output_tree,
    seal_batch,
)
from support.reference_seal import SealedBatch as Model

TASK_ID = keccak256(b"a task")
KEY, BLINDING = 0xC0FFEE, 0xB11D
#: 5 chunks: top level 8, so that node (7, 1) has a right child beyond the output.
LONG = bytes(range(256)) * 17
LIE = b"\x5a" * 32


def join(model: Model) -> bytes:
    cells = [(item, chunk) for item in model.items for chunk in range(item.chunks)]
    return b"".join(b"".join(item.data(c) + item.nodes(c)) for item, c in cells)


def get_results(model: Model) -> list[Result]:
    return [model.result(item) for item in range(len(model.items))]


def make_claim(results: list[Result], ciphertext_root: bytes) -> Claim:
    x, y = commit(KEY, BLINDING)
    root = get_root([result.leaf() for result in results])
    return Claim(results_root=root, ciphertext_root=ciphertext_root, key_x=x, key_y=y)


def find(results: list[Result], ciphertext: bytes) -> tuple[ComplaintEvidence, Claim]:
    """Return evidence for what the audit finds, and the claim of a worker who published this."""
    found = audit(TASK_ID, KEY, results, ciphertext)
    assert isinstance(found, Complaint)
    tree = CiphertextTree([result.output_size for result in results], ciphertext)
    return build_complaint_evidence(tree, results, found), make_claim(results, tree.root)


@pytest.mark.parametrize("size", [0, 1, 33, 992, 993, 1024, 2017, len(LONG)])
def test_audit__when_any_word_of_the_ciphertext_is_another__then_found_and_proven(
    size: int,
) -> None:
    outputs = [b"other", LONG[:size], b"items"]
    batch = seal(TASK_ID, KEY, outputs)
    results = [
        Result(output_root=root, output_size=len(output))
        for root, output in zip(batch.output_roots, outputs, strict=True)
    ]
    offsets = get_item_offsets(batch.output_sizes)
    for place in range(offsets[1], offsets[2], 32):
        damaged = bytearray(batch.ciphertext)
        damaged[place + place // 32 % 32] ^= 1 << place // 32 % 8
        assert get_ciphertext_root(batch.output_sizes, damaged) != batch.root
        evidence, claim = find(results, damaged)
        assert evidence.complaint.item == 1
        assert is_wrong(TASK_ID, claim, 3, evidence, (KEY, BLINDING))


@pytest.mark.parametrize(
    ("lie", "level", "index"),
    [
        ((1, 0, 1), 5, 0),
        ((1, 0, 136), 5, 4),
        ((1, 5, 0), 5, 0),
        ((1, 6, 0), 6, 0),
        ((1, 6, 2), 6, 2),
        ((1, 7, 1), 7, 1),
        ((1, 8, 0), 8, 0),
    ],
)
def test_audit__when_a_worker_seals_one_lie__then_the_first_place_above_it(
    lie: tuple[int, int, int], level: int, index: int
) -> None:
    model = seal_batch(TASK_ID, [b"a", LONG, b"c"], lies={lie: LIE})
    evidence, claim = find(get_results(model), join(model))
    assert evidence.complaint == Complaint(item=1, level=level, index=index)
    assert claim == model.claim
    assert is_wrong(TASK_ID, claim, 3, evidence, (KEY, BLINDING))


@pytest.mark.parametrize("size", [0, 1, 32, 992, 993, 2017, len(LONG)])
def test_audit__when_the_claimed_root_is_another__then_the_top_is_wrong(size: int) -> None:
    claimed = Result(output_root=output_tree(b"something else").root, output_size=size)
    model = seal_batch(TASK_ID, [LONG[:size], b"b"], claimed={0: claimed})
    evidence, claim = find(get_results(model), join(model))
    top = Layout.from_size(size).top
    assert evidence.complaint == Complaint(item=0, level=top + 1, index=0)
    assert is_wrong(TASK_ID, claim, 2, evidence, (KEY, BLINDING))


def test_audit__when_several_items_are_wrong__then_the_first() -> None:
    lies = {(3, 0, 1): LIE, (1, 0, 1): LIE, (2, 0, 40): LIE}
    model = seal_batch(TASK_ID, [b"a", b"b", LONG, b"d"], lies=lies)
    found = audit(TASK_ID, KEY, get_results(model), join(model))
    assert found == Complaint(item=1, level=5, index=0)


def test_audit__under_another_key__then_a_complaint() -> None:
    model = seal_batch(TASK_ID, [LONG])
    assert isinstance(audit(TASK_ID, KEY + 1, get_results(model), join(model)), Complaint)


@pytest.mark.parametrize("size", [1, 33, 993])
def test_audit__when_other_bytes_than_zeros_follow_the_output__then_refused(size: int) -> None:
    padded = LONG[1 : size + 1] + b"\x01" + bytes(-(size + 1) % 32)
    model = seal_batch(TASK_ID, [padded])
    tree = output_tree(padded)
    tree.levels[0][0] = size.to_bytes(4, "little") + bytes(28)
    blocks = {index: leaf for index, leaf in tree.levels[0].items() if index}
    forged = type(tree)({0: tree.levels[0][0], **blocks}, 21)
    lies = {(0, level, i): node for level in range(22) for i, node in forged.levels[level].items()}
    lies.pop((0, 0, 0))
    result = Result(output_root=forged.root, output_size=size)
    model = seal_batch(TASK_ID, [padded], lies=lies, claimed={0: result})
    with pytest.raises(UnclearPadding, match="followed by other bytes"):
        audit(TASK_ID, KEY, [result], join(model))
    with pytest.raises(UnclearPadding, match="followed by other bytes"):
        audit_item(TASK_ID, KEY, 0, result, join(model))


@pytest.mark.parametrize(
    ("level", "index"), [(5, 0), (5, 1), (5, 4), (6, 0), (6, 1), (6, 2), (7, 0), (7, 1), (8, 0)]
)
@pytest.mark.parametrize("outputs", [[LONG], [b"", LONG, b""], [LONG] * 4])
def test_build_complaint_evidence__of_a_place__then_as_the_slow_model_encodes_it(
    outputs: list[bytes], level: int, index: int
) -> None:
    item = outputs.index(LONG)
    model = seal_batch(TASK_ID, outputs)
    tree = CiphertextTree([len(output) for output in outputs], join(model))
    complaint = Complaint(item=item, level=level, index=index)
    evidence = build_complaint_evidence(tree, get_results(model), complaint)
    expected = model.complaint(item, level, index)
    if level == 5:
        cell = (bytes(32), *model.cell(item, index)[1:])
        expected = model.complaint(item, level, index, cells=[cell])
    assert evidence.encode(KEY, BLINDING) == expected
    assert not is_wrong(TASK_ID, model.claim, len(outputs), evidence, (KEY, BLINDING))


def test_cell_abi__here_and_in_the_model__then_the_same() -> None:
    assert delivery.CELL_ABI == CELL_ABI
    assert delivery.FULL_CELL_ABI == FULL_CELL_ABI


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5), st.data())
def test_build_cell__anywhere__then_as_the_slow_model_and_under_the_root(
    sizes: list[int], data: st.DataObject
) -> None:
    model = seal_batch(TASK_ID, [LONG[:size] for size in sizes])
    tree = CiphertextTree([min(size, len(LONG)) for size in sizes], join(model))
    item = data.draw(st.integers(0, len(sizes) - 1))
    chunk = data.draw(st.integers(0, model.items[item].chunks - 1))
    cell = tree.build_cell(item, chunk)
    assert tree.root == model.claim.ciphertext_root
    assert tuple(map(_plain, cell.to_abi())) == tuple(map(_plain, model.cell(item, chunk)))
    assert tuple(map(_plain, cell.to_full_abi())) == tuple(
        map(_plain, model.full_cell(item, chunk))
    )
    layout = Layout.from_size(min(sizes[item], len(LONG)))
    anchor = Anchor(root=tree.root, item=item, count=len(sizes))
    assert is_cell(anchor, layout, chunk, cell)
    for other in range(-1, layout.chunk_count + 1):
        assert is_cell(anchor, layout, other, cell) == (other == chunk)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 4), (1, 3), (4, 1)])
def test_encode_supply_evidence__of_chunks__then_as_the_slow_model(first: int, count: int) -> None:
    model = seal_batch(TASK_ID, [b"a", LONG])
    tree = CiphertextTree([1, len(LONG)], join(model))
    evidence = encode_supply_evidence(tree, get_results(model), 1, first, count)
    assert evidence == model.supply_evidence(1, first, count)


def test_encode_supply_evidence__of_chunks_beyond_the_last__then_those_that_exist() -> None:
    model = seal_batch(TASK_ID, [b"a", LONG])
    tree = CiphertextTree([1, len(LONG)], join(model))
    evidence = encode_supply_evidence(tree, get_results(model), 1, 3, 4)
    assert evidence == model.supply_evidence(1, 3, 2)


def test_encode_result_evidence__of_an_item__then_as_the_slow_model() -> None:
    model = seal_batch(TASK_ID, [b"a", LONG, b"c"])
    assert encode_result_evidence(get_results(model), 2) == model.result_evidence(2)


def test_place_cell__of_all_cells__then_the_ciphertext_is_whole_again() -> None:
    model = seal_batch(TASK_ID, [LONG])
    ciphertext = join(model)
    tree = CiphertextTree([len(LONG)], ciphertext)
    rebuilt = bytearray(len(ciphertext))
    for chunk in (3, 0, 4, 2, 1):
        cell = tree.build_cell(0, chunk)
        place_cell(memoryview(rebuilt), len(LONG), chunk, cell.data, cell.nodes)
    assert rebuilt == ciphertext


class TestForgedEvidence:
    """What proves nothing is refused with the contract's reason."""

    @pytest.fixture
    def evidence(self) -> tuple[ComplaintEvidence, Claim]:
        model = seal_batch(TASK_ID, [LONG, b"b"], lies={(0, 0, 40): LIE})
        return find(get_results(model), join(model))

    @pytest.mark.parametrize(
        "opening",
        [(KEY + ORDER, BLINDING), (KEY + 1, BLINDING), (ORDER - KEY, ORDER - BLINDING)],
    )
    def test_is_wrong__under_a_shifted_other_or_negated_key__then_refused(
        self, evidence: tuple[ComplaintEvidence, Claim], opening: tuple[int, int]
    ) -> None:
        with pytest.raises(InvalidProof, match="wrong key"):
            is_wrong(TASK_ID, evidence[1], 2, evidence[0], opening)

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"complaint": Complaint(item=2, level=5, index=1)}, "not the result"),
            ({"complaint": Complaint(item=1, level=5, index=1)}, "not the result"),
            ({"complaint": Complaint(item=0, level=5, index=5)}, "no such place"),
            ({"complaint": Complaint(item=0, level=5, index=0)}, "wrong number of blocks"),
            ({"complaint": Complaint(item=0, level=5, index=2)}, "not in the ciphertext"),
            ({"complaint": Complaint(item=0, level=4, index=0)}, "no such place"),
            ({"complaint": Complaint(item=0, level=9, index=1)}, "no such place"),
            ({"complaint": Complaint(item=0, level=10, index=0)}, "no such place"),
            ({"complaint": Complaint(item=0, level=6, index=3)}, "no such place"),
            ({"data": (bytes(32),) * 32}, "not in the ciphertext"),
            ({"results_proof": ()}, "not the result"),
        ],
    )
    def test_is_wrong__when_a_part_is_forged__then_refused(
        self,
        evidence: tuple[ComplaintEvidence, Claim],
        changes: dict[str, object],
        reason: str,
    ) -> None:
        names = ("complaint", "result", "results_proof", "data", "cells")
        parts = {name: getattr(evidence[0], name) for name in names} | changes
        forged = ComplaintEvidence(**parts)
        with pytest.raises(InvalidProof, match=reason):
            is_wrong(TASK_ID, evidence[1], 2, forged, (KEY, BLINDING))
