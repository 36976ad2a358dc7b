"""Sealing against the slow model and the vectors; opening gives the outputs back."""

from __future__ import annotations

import json
import mmap
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidMessage, UsageError
from pekanu.market.claim import Result
from pekanu.market.delivery import (
    MAX_OUTPUT_SIZE,
    OutputTooLarge,
    SealedBatch,
    audit,
    audit_item,
    get_ciphertext_root,
    get_ciphertext_size,
    get_item_offsets,
    get_item_root,
    get_item_roots,
    get_pad,
    get_prefix,
    seal,
)
from support.reference_seal import SealedBatch as Model
from support.reference_seal import seal_batch

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "seal.json").read_text())
TASK_ID = keccak256(b"a task")
KEY = 0xC0FFEE
SIZES = [0, 1, 31, 32, 33, 992, 993, 1024, 2016, 2017, 5000, 100_000]


def make_bytes(size: int, seed: int = 0) -> bytes:
    words = [keccak256(seed.to_bytes(4, "big") + n.to_bytes(4, "big")) for n in range(50)]
    return (b"".join(words) * (size // 1600 + 1))[:size]


def make_results(batch: SealedBatch) -> list[Result]:
    pairs = zip(batch.output_roots, batch.output_sizes, strict=True)
    return [Result(output_root=root, output_size=size) for root, size in pairs]


def join(model: Model) -> bytes:
    """Return the file that a model's cells make."""
    cells = [(item, chunk) for item in model.items for chunk in range(item.chunks)]
    return b"".join(chain.from_iterable(i.data(c) + i.nodes(c) for i, c in cells))


@pytest.mark.parametrize("size", SIZES)
def test_seal__of_one_output__then_as_the_slow_model(size: int) -> None:
    output = make_bytes(size)
    batch, model = seal(TASK_ID, KEY, [output]), seal_batch(TASK_ID, [output])
    assert bytes(batch.ciphertext) == join(model)
    assert batch.root == model.claim.ciphertext_root
    assert batch.output_roots == (model.items[0].tree.root,)
    assert get_ciphertext_size(size) == len(batch.ciphertext)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(SIZES[:-1]) | st.integers(0, 3000), min_size=1, max_size=9))
def test_seal__of_a_batch__then_as_the_slow_model_and_opens_again(sizes: list[int]) -> None:
    outputs = [make_bytes(size, seed) for seed, size in enumerate(sizes)]
    batch, model = seal(TASK_ID, KEY, outputs), seal_batch(TASK_ID, outputs)
    assert bytes(batch.ciphertext) == join(model)
    assert batch.item_roots == tuple(item.ciphertext.root for item in model.items)
    assert batch.root == get_ciphertext_root(sizes, batch.ciphertext)
    assert audit(TASK_ID, KEY, make_results(batch), batch.ciphertext) == outputs


@pytest.mark.parametrize("case", VECTORS["batches"])
def test_seal__of_a_vector__then_its_bytes_and_roots(case: dict[str, object]) -> None:
    items = case["items"]
    task_id = bytes.fromhex(VECTORS["task_id"])
    batch = seal(task_id, int(case["key"], 16), [bytes.fromhex(i["output"]) for i in items])
    cells = chain.from_iterable(item["cells"] for item in items)
    words = "".join("".join(cell["data"] + cell["nodes"]) for cell in cells)
    assert bytes(batch.ciphertext).hex() == words
    assert batch.root.hex() == case["ciphertext_root"]
    assert [root.hex() for root in batch.item_roots] == [i["ciphertext_root"] for i in items]
    assert [root.hex() for root in batch.output_roots] == [i["output_root"] for i in items]
    assert [r.leaf().hex() for r in make_results(batch)] == [i["result_leaf"] for i in items]


@pytest.mark.parametrize("size", SIZES)
def test_audit_item__of_an_honest_seal__then_exactly_the_output(size: int) -> None:
    outputs = [b"first", make_bytes(size)]
    batch = seal(TASK_ID, KEY, outputs)
    part = batch.ciphertext[get_item_offsets(batch.output_sizes)[1] :]
    assert audit_item(TASK_ID, KEY, 1, make_results(batch)[1], part) == outputs[1]


@pytest.mark.parametrize("size", SIZES)
def test_get_item_root__alone_and_in_a_group__then_the_same(size: int) -> None:
    batch = seal(TASK_ID, KEY, [make_bytes(size)])
    assert get_item_root(size, batch.ciphertext) == batch.item_roots[0]
    assert get_item_roots([size], batch.ciphertext) == list(batch.item_roots)


@pytest.mark.parametrize("size", [0, 33, 5000])
def test_seal__of_other_buffers__then_the_same(size: int) -> None:
    output = make_bytes(size)
    expected = bytes(seal(TASK_ID, KEY, [output]).ciphertext)
    for other in (bytearray(output), memoryview(output)):
        assert bytes(seal(TASK_ID, KEY, [other]).ciphertext) == expected


def test_seal__between_mapped_files__then_the_same(tmp_path: Path) -> None:
    output = make_bytes(100_000)
    source, target = tmp_path / "output", tmp_path / "ciphertext"
    source.write_bytes(output)
    target.write_bytes(bytes(get_ciphertext_size(len(output))))
    with (
        source.open("rb") as first,
        target.open("r+b") as second,
        mmap.mmap(first.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        mmap.mmap(second.fileno(), 0) as written,
    ):
        batch = seal(TASK_ID, KEY, [mapped], target=written)
        results, root = make_results(batch), batch.root
        del batch
    assert target.read_bytes() == bytes(seal(TASK_ID, KEY, [output]).ciphertext)
    with (
        target.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        assert get_ciphertext_root([len(output)], mapped) == root
        assert audit(TASK_ID, KEY, results, mapped) == [output]


@pytest.mark.parametrize("target", [bytes(32), bytearray(31), bytearray(64)])
def test_seal__into_a_target_that_does_not_fit__then_refused(target: bytes | bytearray) -> None:
    with pytest.raises((UsageError, InvalidMessage)):
        seal(TASK_ID, KEY, [b""], target=target)


def test_seal__of_an_output_over_the_limit__then_refused() -> None:
    with pytest.raises(OutputTooLarge, match="over the limit"):
        seal(TASK_ID, KEY, [b"fine", bytes(MAX_OUTPUT_SIZE + 1)])


def test_seal__when_the_task_has_no_identity_of_32_bytes__then_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"short", KEY, [b""])


@pytest.mark.parametrize("change", [-32, -1, 1, 32])
def test_audit__of_a_ciphertext_of_another_length__then_refused(change: int) -> None:
    batch = seal(TASK_ID, KEY, [make_bytes(100), make_bytes(2000)])
    ciphertext = (bytes(batch.ciphertext) + bytes(32))[: len(batch.ciphertext) + change]
    with pytest.raises(InvalidMessage, match="instead of"):
        audit(TASK_ID, KEY, make_results(batch), ciphertext)
    with pytest.raises(InvalidMessage, match="instead of"):
        get_ciphertext_root(batch.output_sizes, ciphertext)


def test_pads__of_two_places__then_never_the_same() -> None:
    prefixes = [
        get_prefix(task, key, item)
        for task in (TASK_ID, bytes(32))
        for key in (1, 2)
        for item in (0, 1)
    ]
    pads = {get_pad(p, level, index) for p in prefixes for level in (0, 5) for index in (0, 5)}
    assert len(pads) == 32


def test_seal__under_another_key_task_or_place__then_no_block_in_common() -> None:
    def get_words(batch: SealedBatch) -> set[bytes]:
        data = bytes(batch.ciphertext)
        return {data[n : n + 32] for n in range(0, len(data), 32)}

    words = get_words(seal(TASK_ID, KEY, [bytes(2000), bytes(2000)]))
    assert len(words) == get_item_offsets([2000, 2000])[-1] // 32
    assert words.isdisjoint(get_words(seal(TASK_ID, KEY + 1, [bytes(2000)])))
    assert words.isdisjoint(get_words(seal(bytes(32), KEY, [bytes(2000)])))


def test_seal__of_many_small_outputs__then_as_each_alone_in_its_place() -> None:
    outputs = [make_bytes(n % 70, n) for n in range(2500)]
    batch = seal(TASK_ID, KEY, outputs)
    results, offsets = make_results(batch), get_item_offsets(batch.output_sizes)
    assert audit(TASK_ID, KEY, results, batch.ciphertext) == outputs
    for item in (0, 1, 1023, 1024, 2499):
        part = batch.ciphertext[offsets[item] : offsets[item + 1]]
        assert audit_item(TASK_ID, KEY, item, results[item], part) == outputs[item]
        assert get_item_root(len(outputs[item]), part) == batch.item_roots[item]
