"""Searches paid by ringers: a worker must find what the client has secretly planted.

Not here: the searches themselves (`pekanu.catalog`), the accumulator (`pekanu.crypto`), the
referee's contract, and anything that does I/O.
Source: design/referees.md, "RingerReferee: OBFP".
"""

from pekanu.ringers.audit import Audit, Finding, audit
from pekanu.ringers.evidence import OpenedRinger, find_target, prove_place
from pekanu.ringers.odds import (
    MAX_RINGERS,
    Odds,
    RingerCount,
    recommend_count,
    recommend_stake,
    tabulate,
)
from pekanu.ringers.planting import Planted, plant
from pekanu.ringers.solutions import decode_solutions, encode_solutions
from pekanu.ringers.terms import Domain, SearchTerms, hash_ringers

__all__ = [
    "MAX_RINGERS",
    "Audit",
    "Domain",
    "Finding",
    "Odds",
    "OpenedRinger",
    "Planted",
    "RingerCount",
    "SearchTerms",
    "audit",
    "decode_solutions",
    "encode_solutions",
    "find_target",
    "hash_ringers",
    "plant",
    "prove_place",
    "recommend_count",
    "recommend_stake",
    "tabulate",
]
