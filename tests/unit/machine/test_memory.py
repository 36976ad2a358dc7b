"""Memory and its roots against a plain array and the slow tree."""

from __future__ import annotations

import random

import pytest

from pekanu.crypto.merkle import region_root, zero_root
from pekanu.machine.isa import MAX_CONTENT_SIZE, MEMORY_SIZE, OUTPUT_BASE
from pekanu.machine.memory import PAGE_SIZE, Memory
from support.reference_machine import make_tree


def test_root__of_nothing__then_of_zeros() -> None:
    assert Memory().root == zero_root(23)
    assert [Memory().get_region_root(region) for region in range(4)] == [zero_root(21)] * 4


def test_root__after_each_of_many_writes__then_the_slow_trees() -> None:
    rng, memory, plain = random.Random(4), Memory(), dict[int, bytes]()
    for _ in range(40):
        for _ in range(rng.randrange(1, 4)):
            leaf = rng.choice((rng.getrandbits(23), rng.getrandbits(9), (1 << 23) - 1))
            data = rng.choice((rng.randbytes(32), bytes(32)))
            plain[32 * leaf] = data
            memory.set_leaf(leaf, int.from_bytes(data, "little"))
        tree = make_tree(plain, 23)
        assert memory.root == tree.root
        place = rng.choice((rng.choice(list(plain)) // 32, rng.getrandbits(23)))
        assert memory.get_path(place) == tree.path(place)
        assert [memory.get_region_root(n) for n in range(4)] == [tree.node(21, n) for n in range(4)]


def test_root__after_a_write_from_outside__then_not_the_old_one() -> None:
    """A page's hash stayed as it was elsewhere when not a step but the host wrote the page."""
    memory = Memory()
    memory.set_leaf(7, 1)
    before = memory.root
    memory.write(7 * 32 + 5, b"\1")
    assert memory.root != before
    memory.write(7 * 32 + 5, b"\0")
    assert memory.root == before


def test_region_root__of_content_with_its_length__then_the_markets_root() -> None:
    content, memory = random.Random(1).randbytes(10_000), Memory()
    memory.write(OUTPUT_BASE, len(content).to_bytes(4, "little"))
    memory.write(OUTPUT_BASE + 32, content)
    assert memory.get_output() == content
    assert memory.get_region_root(3) == region_root(content)


def test_read__of_what_was_written__then_it() -> None:
    rng, memory, plain = random.Random(2), Memory(), bytearray(5 * PAGE_SIZE)
    for _ in range(100):
        start = rng.randrange(len(plain))
        data = rng.randbytes(rng.randrange(min(2 * PAGE_SIZE, len(plain) - start) + 1))
        plain[start : start + len(data)] = data
        memory.write(start, data)
        start = rng.randrange(len(plain))
        assert memory.read(start, 300) == (plain + bytes(300))[start : start + 300]
    leaves = [memory.get_leaf(index).to_bytes(32, "little") for index in range(len(plain) // 32)]
    assert b"".join(leaves) == plain


@pytest.mark.parametrize(("address", "size"), [(MEMORY_SIZE, 1), (MEMORY_SIZE - 3, 4), (-1, 1)])
def test_read__outside__then_refused(address: int, size: int) -> None:
    with pytest.raises(ValueError, match="not within memory"):
        Memory().read(address, size)
    with pytest.raises(ValueError, match="not within memory"):
        Memory().write(address, bytes(size))


def test_output__that_claims_more_than_fits__then_cut() -> None:
    memory = Memory()
    memory.write(OUTPUT_BASE, b"\xff" * 4)
    assert len(memory.get_output()) == MAX_CONTENT_SIZE


def test_copy__then_changed__then_the_first_is_not() -> None:
    memory = Memory()
    memory.set_leaf(1, 1)
    first = memory.root
    other = memory.copy()
    other.set_leaf(1, 2)
    memory.set_leaf(9, 0)
    assert (memory.root, memory.get_leaf(1)) == (first, 1)
    assert other.root != first
