"""Sealed delivery: an output published encrypted, that can be proven wrong without knowing it.

The worker seals its outputs (`seal`) and claims the ciphertext's root. The client checks the root
(`get_ciphertext_root`), gets the key, opens and checks (`audit`): it has the exact outputs or one
wrong place, which it shows to the contract (`build_complaint_evidence`). On demand the worker
supplies chunks on chain (`encode_supply_evidence`). `is_wrong` says beforehand what the contract
will say. Nothing here knows a network, a clock or a source of randomness.

    layout     where blocks, nodes and cells lie      rows    moving them in stripes
    pads       what they are xored with               tree    the ciphertext's tree
    seal       outputs to ciphertext                  audit   ciphertext to outputs, or a complaint
    small      the same for many small outputs        evidence, judge   complaints and supplies
"""

from pekanu.market.delivery.audit import Complaint, UnclearPadding, audit, audit_item
from pekanu.market.delivery.evidence import (
    CELL_ABI,
    FULL_CELL_ABI,
    Cell,
    CiphertextTree,
    ComplaintEvidence,
    build_complaint_evidence,
    encode_result_evidence,
    encode_supply_evidence,
    place_cell,
)
from pekanu.market.delivery.judge import Anchor, is_cell, is_wrong
from pekanu.market.delivery.layout import (
    MAX_OUTPUT_SIZE,
    Layout,
    OutputTooLarge,
    get_ciphertext_size,
    get_item_offsets,
)
from pekanu.market.delivery.pads import SEAL_TAG, get_pad, get_prefix
from pekanu.market.delivery.seal import SealedBatch, seal
from pekanu.market.delivery.tree import get_ciphertext_root, get_item_root, get_item_roots

__all__ = [
    "CELL_ABI",
    "FULL_CELL_ABI",
    "MAX_OUTPUT_SIZE",
    "SEAL_TAG",
    "Anchor",
    "Cell",
    "CiphertextTree",
    "Complaint",
    "ComplaintEvidence",
    "Layout",
    "OutputTooLarge",
    "SealedBatch",
    "UnclearPadding",
    "audit",
    "audit_item",
    "build_complaint_evidence",
    "encode_result_evidence",
    "encode_supply_evidence",
    "get_ciphertext_root",
    "get_ciphertext_size",
    "get_item_offsets",
    "get_item_root",
    "get_item_roots",
    "get_pad",
    "get_prefix",
    "is_cell",
    "is_wrong",
    "place_cell",
    "seal",
]
