"""Every way to compute Keccak-256 gives the same, from the first published vector on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.crypto.keccak import (
    Backend,
    BackendChoice,
    ScalarBackend,
    VectorBackend,
    hash_messages,
    hash_pairs,
    keccak256,
    xor_pads,
)
from pekanu.crypto.keccak.ir import build_module
from pekanu.crypto.keccak.vector import get_width

#: Published with the Keccak submission, and used by Ethereum.
PUBLISHED = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    b"The quick brown fox jumps over the lazy dog": (
        "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"
    ),
    bytes(64): "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5",
}
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "keccak.json").read_text())
WIDTHS = (1, 2, 4, 8)


@pytest.fixture(scope="module", params=[None, *WIDTHS])
def backend(request: pytest.FixtureRequest) -> Backend:
    return VectorBackend(request.param)


def make_rows(count: int, size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)


@pytest.mark.parametrize(("message", "digest"), PUBLISHED.items())
def test_keccak256__given_a_published_message__then_its_digest(message: bytes, digest: str) -> None:
    assert keccak256(message).hex() == digest


@pytest.mark.parametrize("case", VECTORS)
def test_keccak256__of_a_vector__then_its_digest(case: dict[str, str]) -> None:
    assert keccak256(bytes.fromhex(case["message"])).hex() == case["digest"]


@pytest.mark.parametrize("size", [64, 192])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 16, 37])
def test_hash_each__in_vectors__then_equal_to_the_scalar(
    backend: Backend, count: int, size: int
) -> None:
    source, target = make_rows(count, size), np.zeros((count, 32), dtype=np.uint8)
    backend.hash_each(source, target)
    assert [row.tobytes() for row in target] == [keccak256(row.tobytes()) for row in source]


def test_hash_each__of_the_published_pair__then_its_digest(backend: Backend) -> None:
    target = np.zeros((9, 32), dtype=np.uint8)
    backend.hash_each(np.zeros((9, 64), dtype=np.uint8), target)
    assert {row.tobytes().hex() for row in target} == {PUBLISHED[bytes(64)]}


def test_hash_each__when_the_target_is_where_the_source_begins__then_equal(
    backend: Backend,
) -> None:
    source = make_rows(21, 64)
    expected = [keccak256(row.tobytes()) for row in source]
    backend.hash_each(source, source.reshape(-1, 32)[:21])
    assert [row.tobytes() for row in source.reshape(-1, 32)[:21]] == expected


@pytest.mark.parametrize("first", [0, 1, 255, 256, 2**32 - 3, 2**40])
@pytest.mark.parametrize("count", [1, 3, 4, 8, 21])
def test_xor_pads__in_vectors__then_equal_to_the_scalar(
    backend: Backend, count: int, first: int
) -> None:
    prefix = make_rows(1, 128).tobytes()
    data = make_rows(count, 32, seed=2)
    expected = data.copy()
    ScalarBackend().xor_pads(prefix, 21, first, expected)
    backend.xor_pads(prefix, 21, first, data)
    assert (data == expected).all()


def test_xor_pads__by_the_scalar__then_the_hash_of_six_words() -> None:
    prefix, data = make_rows(1, 128).tobytes(), np.zeros((3, 32), dtype=np.uint8)
    ScalarBackend().xor_pads(prefix, 5, 7, data)
    words = prefix + (5).to_bytes(32, "big") + (9).to_bytes(32, "big")
    assert data[2].tobytes() == keccak256(words)


def test_xor_pads__when_rows_are_not_contiguous__then_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        xor_pads(bytes(128), 0, 0, make_rows(4, 64)[:, :32])


def test_xor_pads__when_the_prefix_is_short__then_refused() -> None:
    with pytest.raises(ValueError, match="128 bytes"):
        xor_pads(bytes(127), 0, 0, make_rows(4, 32))


@given(st.integers(0, 40))
def test_hash_pairs__of_any_number__then_each_pair_is_hashed(count: int) -> None:
    nodes = make_rows(2 * count, 32)
    pairs = [keccak256(nodes[2 * i : 2 * i + 2].tobytes()) for i in range(count)]
    assert [row.tobytes() for row in hash_pairs(nodes)] == pairs


def test_hash_messages__of_six_words__then_each_is_hashed() -> None:
    messages = make_rows(5, 192)
    expected = [keccak256(row.tobytes()) for row in messages]
    assert [row.tobytes() for row in hash_messages(messages)] == expected


def test_get__while_there_is_little_work__then_scalar() -> None:
    assert BackendChoice(budget=100).get(100).name == "scalar"


def test_get__after_enough_work__then_compiled_for_good() -> None:
    choice = BackendChoice(budget=100)
    choice.get(60)
    assert choice.get(60).name.startswith("vector")
    assert choice.get(1).name.startswith("vector")


def test_get__from_many_threads__then_one_backend() -> None:
    choice, found = BackendChoice(budget=0), []
    threads = [threading.Thread(target=lambda: found.append(choice.get(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(backend) for backend in found}) == 1


def test_get__when_the_machine_cannot_compile__then_scalar_and_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: VectorBackend) -> None:
        raise RuntimeError("no target")

    monkeypatch.setattr(VectorBackend, "__init__", fail)
    assert BackendChoice(budget=0).get(1).name == "scalar"
    assert "uncompiled" in caplog.text


@pytest.mark.parametrize(
    ("features", "width"),
    [({"avx512f": True, "avx2": True}, 8), ({"avx2": True}, 4), ({"sse2": True}, 2), ({}, 2)],
)
def test_get_width__by_the_processor__then_what_suits(
    features: dict[str, bool], width: int
) -> None:
    assert get_width(features) == width


def test_build_module__when_a_width_repeats__then_its_kernels_stand_once() -> None:
    assert build_module((1, 1)).count("define void @hash_pairs_1(") == 1


def test_import__of_the_package__then_neither_numpy_nor_llvm_are_loaded() -> None:
    code = (
        "import sys, pekanu.crypto.keccak as k; k.keccak256(b'');"
        "print([m for m in ('numpy', 'llvmlite', 'numba') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
