from __future__ import annotations

import pytest

from pekanu.cli.output import format_span
from pekanu.cli.plain import to_plain
from pekanu.market.claim import Claim
from pekanu.types import Hash32


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (3661, "1 h 1 min"), (90000, "1 d 1 h"), (86401, "1 d 1 s")],
)
def test_span__of_seconds__has_its_two_largest_units(seconds: int, text: str) -> None:
    assert format_span(seconds) == text


def test_plain__of_a_claim__keeps_every_digit() -> None:
    claim = Claim(
        results_root=Hash32(b"\x01" * 32),
        ciphertext_root=Hash32(b"\x02" * 32),
        key_x=2**255 + 1,
        key_y=0,
    )
    assert to_plain(claim) == {
        "results_root": "0x" + "01" * 32,
        "ciphertext_root": "0x" + "02" * 32,
        "key_x": str(2**255 + 1),
        "key_y": "0",
    }
