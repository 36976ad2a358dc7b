"""The market's structs in messages; their encoding has one definition in `pekanu.market`.

Not here: what all messages share (`peer_wire`).
"""

from __future__ import annotations

from typing import Annotated

from pekanu.market.claim import CLAIM_ABI, Claim
from pekanu.market.task import TASK_ABI, TERMS_ABI, Task, Terms
from pekanu.node.peer_wire import struct_codec
from pekanu.ringers.terms import TERMS_ABI as SEARCH_ABI
from pekanu.ringers.terms import SearchTerms

TaskHex = Annotated[Task, *struct_codec(Task, TASK_ABI)]
TermsHex = Annotated[Terms, *struct_codec(Terms, TERMS_ABI)]
SearchHex = Annotated[SearchTerms, *struct_codec(SearchTerms, SEARCH_ABI)]
ClaimHex = Annotated[Claim, *struct_codec(Claim, CLAIM_ABI)]
