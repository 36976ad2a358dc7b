"""Reading JSON that others wrote, without trusting how deep it is nested.

The parser of the standard library recurses in C, guarded by the interpreter's recursion limit
alone. A library that this package uses (py_ecc, through eth_keyfile) raises that limit to 100,000
when it is imported, and then 100 kB of brackets end the process. So the depth is counted first.
Not here: what a document must hold.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

#: No document of ours is nested deeper than a handful of levels.
MAX_DEPTH: Final = 100
_BRACKETS: Final = b"[]{}"
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def parse_json(text: str | bytes) -> Any:
    """Return a JSON document.

    Args:
        text: UTF-8 where it is bytes.

    Raises:
        ValueError: It is no JSON, not UTF-8, or nested deeper than `MAX_DEPTH`.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if _is_deep(data):
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    return json.loads(text)


def _is_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    # Up to the first fault the parser and this expression see the same strings.
    depth = 0
    for bracket in _STRING.sub(b"", data).translate(None, _OTHERS):
        depth += _STEPS[bracket]
        if depth > MAX_DEPTH:
            return True
    return False
