"""Writes the vectors beside this file, from the slow models in `support.reference_*`.

Run as `python tests/vectors/make_vectors.py`; the same files come out every time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pekanu.crypto.keccak import keccak256  # noqa: E402 - after the line above
from support import reference_dispute as dispute  # noqa: E402 - found by the line above
from support import reference_machine as machine  # noqa: E402 - found by the line above
from support import reference_seal as model  # noqa: E402 - found by the line above
from support import reference_storage as storage  # noqa: E402 - found by the line above

TASK_ID = keccak256(b"the vectors' task")
SIZES = (0, 1, 31, 32, 33, 992, 993, 1024, 5000)


def make_bytes(size: int) -> bytes:
    words = [keccak256(b"output" + n.to_bytes(4, "big")) for n in range(size // 32 + 1)]
    return b"".join(words)[:size]


def make_keccak() -> object:
    sizes = (0, 1, 32, 64, 135, 136, 137, 192, 272)
    return [
        {"message": make_bytes(size).hex(), "digest": keccak256(make_bytes(size)).hex()}
        for size in sizes
    ]


def make_merkle() -> object:
    trees = []
    for count in (1, 2, 3, 5, 8, 9):
        leaves = [keccak256(n.to_bytes(4, "big")) for n in range(count)]
        tree = model.Tree(dict(enumerate(leaves)), model.depth_of(count))
        proofs = [[item.hex() for item in tree.path(n)] for n in range(count)]
        hexed = [leaf.hex() for leaf in leaves]
        trees.append({"leaves": hexed, "root": tree.root.hex(), "proofs": proofs})
    regions = [
        {"data": make_bytes(size).hex(), "root": model.output_tree(make_bytes(size)).root.hex()}
        for size in SIZES
    ]
    return {"zero_roots": [z.hex() for z in model.ZEROS], "trees": trees, "regions": regions}


def make_item(sealed: model.SealedItem) -> object:
    cells = [
        {
            "data": [word.hex() for word in sealed.data(chunk)],
            "nodes": [word.hex() for word in sealed.nodes(chunk)],
        }
        for chunk in range(sealed.chunks)
    ]
    return {
        "output": sealed.output.hex(),
        "output_root": sealed.tree.root.hex(),
        "result_leaf": sealed.result().leaf().hex(),
        "ciphertext_root": sealed.ciphertext.root.hex(),
        "cells": cells,
    }


def make_seal() -> object:
    batches = []
    for sizes in [(size,) for size in SIZES] + [(33, 5000, 0), (1, 1, 1, 1, 2017)]:
        batch = model.seal_batch(TASK_ID, [make_bytes(size) for size in sizes])
        batches.append(
            {
                "key": f"{batch.key:064x}",
                "blinding": f"{batch.blinding:064x}",
                "key_x": f"{batch.claim.key_x:064x}",
                "key_y": f"{batch.claim.key_y:064x}",
                "items": [make_item(item) for item in batch.items],
                "results_root": batch.claim.results_root.hex(),
                "ciphertext_root": batch.claim.ciphertext_root.hex(),
            }
        )
    return {"task_id": TASK_ID.hex(), "seal_tag": model.SEAL_TAG.hex(), "batches": batches}


def make_pedersen() -> object:
    order = model.ORDER
    pairs = [(1, 0), (0, 1), (1, 1), (2, 3), (order - 1, order - 1), (0xC0FFEE, 0xB11D)]
    pairs += [
        (int.from_bytes(keccak256(b"key%d" % n), "big") % order, n * order // 7) for n in range(6)
    ]
    found = []
    for key, blinding in pairs:
        x, y = model.commit(key, blinding)
        names = ("key", "blinding", "x", "y")
        words = (key, blinding, x, y)
        found.append({n: f"{word:064x}" for n, word in zip(names, words, strict=True)})
    x, y = model.derive_generator()
    return {"second_generator": {"x": f"{x:064x}", "y": f"{y:064x}"}, "commitments": found}


def show_contents(contents: machine.Contents) -> dict[str, str]:
    return {f"{address:#x}": data.hex() for address, data in contents.items()}


def show_state(state: machine.ModelState) -> object:
    return {
        "pc": state.pc,
        "registers": [state.registers.get(index, 0) for index in range(32)],
        "status": state.status,
        "exit_code": state.exit_code,
        "memory": show_contents(state.memory),
        "memory_root": state.memory_root.hex(),
        "packed_registers": state.packed_registers.hex(),
        "status_word": state.status_word.hex(),
        "root": state.root.hex(),
    }


def make_step(
    name: str,
    text: dict[int, int],
    before: machine.ModelState,
    after: dict[str, object],
    *,
    fetch: bool = True,
    access: int | None = None,
) -> object:
    """Return a step, of which the next state is the one before but for what `after` says."""
    contents = {address: word.to_bytes(4, "little") for address, word in text.items()}
    witness = machine.make_witness(contents, before, before.pc if fetch else None, access)
    return {
        "name": name,
        "text": show_contents(contents),
        "text_root": machine.make_tree(contents, 19).root.hex(),
        "before": show_state(before),
        "witness": {
            "text_leaf": witness[0].hex(),
            "memory_leaf": witness[1].hex(),
            "mask": witness[2],
            "siblings": [node.hex() for node in witness[3]],
        },
        "after": show_state(replace(before, **after)),
    }


def make_machine() -> object:
    """Return states, programs and single steps; the instructions are assembled by hand."""
    everywhere = {index: 0x01010101 * index for index in range(1, 32)}
    memory = {32 * k: make_bytes(32 * (k + 1))[-32:] for k in (0, 1, 0x1FFFFF, 0x200000, 0x7FFFFF)}
    full = machine.ModelState(pc=0x1234, registers=everywhere, memory=memory)
    states = [
        machine.ModelState(pc=0),
        machine.ModelState(pc=0xFFFFFFFF, registers={1: 1, 31: 31}),
        full,
        replace(full, status=1, exit_code=0xDEADBEEF),
        *(replace(full, status=cause) for cause in range(2, 11)),
    ]
    text = {0x10000: make_bytes(32), 0x10020: b"\x73\0\0\0", 0xFFFFE0: make_bytes(64)[32:]}
    programs = [
        {
            "text": show_contents(part),
            "image": show_contents(image),
            "entry": entry,
            "text_root": machine.make_tree(part, 19).root.hex(),
            "image_root": machine.make_tree(image, 21).root.hex(),
            "id": machine.get_program_id(part, image, entry).hex(),
        }
        for part, image, entry in (
            ({0: b"\x73\0\0\0"}, {}, 0),
            (text, {0x20000: make_bytes(32)}, 0x10020),
            (text, text, 0x10000),
        )
    ]
    return {
        "states": [show_state(state) for state in states],
        "programs": programs,
        "steps": make_steps(),
    }


def make_steps() -> list[object]:
    """Return one step for each thing that can happen; what changes is written here by hand."""
    start = 0x10000
    begin = machine.ModelState(pc=start, registers={1: 0x20000, 2: 0x80000000, 10: 7, 17: 93})
    data = {0x20000: bytes(range(0x90, 0xB0)), 0x4000000: b"\x05\0\0\0"}
    loaded = replace(begin, memory=data)
    stored = dict(data)
    stored[0x20000] = bytes((*range(0x90, 0x94), 0, 0, 0, 0x80, *range(0x98, 0xB0)))
    after = start + 4
    registers = begin.registers
    return [
        make_step(
            "add x3, x1, x2",
            {start: 0x002081B3},
            begin,
            {"pc": after, "registers": {**registers, 3: 0x80020000}},
        ),
        make_step(
            "lw x3, 8(x1)",
            {start: 0x0080A183},
            loaded,
            {"pc": after, "registers": {**registers, 3: 0x9B9A9998}},
            access=0x20008,
        ),
        make_step(
            "lb x3, 31(x1)",
            {start: 0x01F08183},
            loaded,
            {"pc": after, "registers": {**registers, 3: 0xFFFFFFAF}},
            access=0x2001F,
        ),
        make_step(
            "sw x2, 4(x1)",
            {start: 0x0020A223, start + 4096: 0x13},
            loaded,
            {"pc": after, "memory": stored},
            access=0x20004,
        ),
        make_step(
            "jal x1, -8",
            {start: 0xFF9FF0EF},
            begin,
            {"pc": start - 8, "registers": {**registers, 1: after}},
        ),
        make_step("beq x1, x1, 6", {start: 0x00108363}, begin, {"status": 5}),
        make_step("ecall", {start: 0x73}, begin, {"status": 1, "exit_code": 7}),
        make_step(
            "ecall with another number",
            {start: 0x73},
            replace(begin, registers={**registers, 17: 94}),
            {"status": 4},
        ),
        make_step("ebreak", {start: 0x00100073}, begin, {"status": 3}),
        make_step("no instruction", {start + 4: 0x13}, begin, {"status": 2}),
        make_step("lh x3, 1(x1)", {start: 0x00109183}, begin, {"status": 6}),
        make_step("sw x2, 2(x1)", {start: 0x0020A123}, begin, {"status": 7}),
        make_step("lbu x0, 0(x2)", {start: 0x00014003}, begin, {"status": 8}),
        make_step("sb x1, 0(x2)", {start: 0x00110023}, begin, {"status": 9}),
        make_step(
            "pc beyond text",
            {start: 0x13},
            replace(begin, pc=0x1000000),
            {"status": 10},
            fetch=False,
        ),
        make_step(
            "pc misaligned", {start: 0x13}, replace(begin, pc=start + 2), {"status": 5}, fetch=False
        ),
        make_step("halted", {start: 0x13}, replace(loaded, status=1, exit_code=9), {}, fetch=False),
        make_step("trapped", {start: 0x13}, replace(loaded, status=8), {}, fetch=False),
    ]


def make_dispute() -> object:
    def state(place: int) -> bytes:
        return keccak256(b"state" + place.to_bytes(8, "big"))

    dissections = []
    for first, last in ((0, 1), (0, 2), (7, 12), (0, 16), (3, 20), (5, 36), (0, 1 << 40)):
        ends = dispute.get_ends(first, last)
        points = [state(end) for end in ends]
        before, part = (state(last), first % 16) if first else (bytes(32), 0)
        dissections.append(
            {
                "first": first,
                "last": last,
                "ends": ends,
                "before": before.hex(),
                "part": part,
                "start": state(first).hex(),
                "points": [point.hex() for point in points],
                "root": dispute.get_root(before, part, state(first), points).hex(),
            }
        )
    places = []
    for turn, number, first, last in ((0, 0, 0, 9), (1, 5, 3, 8), (2, (1 << 256) - 1, 0, 1 << 63)):
        fields = {
            "number": number,
            "worker": "0x" + "11" * 20,
            "challenger": "0x" + "2f" * 20,
            "turn": turn,
            "first": first,
            "last": last,
            "deadline": 1_800_000_000 + turn,
            "worker_left": 16 * 2_592_000,
            "challenger_left": 2_592_000 - turn,
            "extension": 600,
            "last_extension": 1200,
        }
        places.append(
            {
                "fields": fields,
                "words": [str(one) for one in dispute.get_place_words(fields)],
                "id": dispute.get_id(fields).hex(),
                "root": state(turn).hex(),
                "commitment": dispute.get_commitment(fields, state(turn)).hex(),
            }
        )
    values = [state(1), state(2), 1 << 40, 10**15, 86_400, 600, 7200, 1200]
    terms = {
        "values": [one.hex() if isinstance(one, bytes) else one for one in values],
        "hash": dispute.get_terms_hash(values).hex(),
    }
    return {"dissections": dissections, "places": places, "terms": terms}


def make_storage() -> object:
    """Return chunks with their roots and proofs, and what is signed about them."""
    big = b"".join(make_bytes(4096)[k:] + bytes([k]) * k for k in range(3))
    groups = [
        [make_bytes(1)],
        [make_bytes(256), make_bytes(257)],
        [make_bytes(5000), make_bytes(1), big],
        [bytes([k]) * (200 * k + 1) for k in range(7)],
    ]
    ranges = ((0, 0, 1), (1, 0, 1), (2, 5, 1), (2, 0, 32), (2, 17, 9), (2, 47, 2), (6, 3, 2))
    trees = []
    for chunks in groups:
        proofs = [
            {
                "chunk": place,
                "first": first,
                "count": count,
                "leaf_count": len(storage.leaves(chunks[place])),
                "data": chunks[place][256 * first : 256 * (first + count)].hex(),
                "siblings": [n.hex() for n in storage.leaf_path(chunks, place, first, count)],
            }
            for place, first, count in ranges
            if place < len(chunks) and first + count <= len(storage.leaves(chunks[place]))
        ]
        entries = [
            {
                "data": chunk.hex(),
                "chunk_root": storage.chunk_root(chunk).hex(),
                "leaf_count": len(storage.leaves(chunk)),
                "hash": storage.entry(chunk).hex(),
                "siblings": [node.hex() for node in storage.top_path(chunks, place)],
            }
            for place, chunk in enumerate(chunks)
        ]
        root, blind = storage.root(chunks), keccak256(b"blind")
        trees.append(
            {
                "entries": entries,
                "root": root.hex(),
                "blind": blind.hex(),
                "commitment": storage.digest(root + blind).hex(),
                "proofs": proofs,
            }
        )
    return {"trees": trees, "signed": make_signed()}


def make_signed() -> object:
    """Return a quote, a receipt, a registration and an admission with their digests."""
    domain = (31337, "0x" + "5e" * 20)
    someone, agent = "0x" + "c1" * 20, "0x" + "a9" * 20
    content = [keccak256(b"commitment"), (1 << 40) + 7, 1025]
    terms = [someone, agent, 10**16, 5 * 10**16, 10**14, 0, 2_592_000, 1_900_000_000, 3600, 86_400]
    quote = storage.eip712(*domain, storage.quote_hash(content, terms))
    values = {
        "receipt": [quote, content[0], content[1], terms[6], keccak256(b"link")],
        "registration": [agent, keccak256(b"sealing key"), 1_900_000_000],
        "admission": [agent, keccak256(b"transaction"), keccak256(b"abi"), keccak256(b"code")],
    }
    hashes = {
        "receipt": storage.receipt_hash,
        "registration": storage.registration_hash,
        "admission": storage.admission_hash,
    }

    def show(values: list[object]) -> list[object]:
        return [one.hex() if isinstance(one, bytes) else one for one in values]

    return {
        "chain_id": domain[0],
        "server": domain[1],
        "quote": {"content": show(content), "terms": terms, "digest": quote.hex()},
        **{
            name: {
                "values": show(values[name]),
                "digest": storage.eip712(*domain, hashes[name](values[name])).hex(),
            }
            for name in values
        },
    }


def main() -> None:
    """Write all files."""
    makers = {
        "keccak": make_keccak,
        "merkle": make_merkle,
        "seal": make_seal,
        "pedersen": make_pedersen,
        "machine": make_machine,
        "dispute": make_dispute,
        "storage": make_storage,
    }
    for name, make in makers.items():
        (HERE / f"{name}.json").write_text(json.dumps(make(), indent=1) + "\n")


if __name__ == "__main__":
    main()
