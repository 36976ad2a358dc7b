"""Writes the vectors beside this file, from the slow model in `support.reference_seal`.

Run as `python tests/vectors/make_vectors.py`; the same files come out every time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from pekanu.crypto.keccak import keccak256  # noqa: E402 - after the line above
from support import reference_seal as model  # noqa: E402 - found by the line above

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


def main() -> None:
    """Write all files."""
    makers = {
        "keccak": make_keccak,
        "merkle": make_merkle,
        "seal": make_seal,
        "pedersen": make_pedersen,
    }
    for name, make in makers.items():
        (HERE / f"{name}.json").write_text(json.dumps(make(), indent=1) + "\n")


if __name__ == "__main__":
    main()
