"""The catalog: deterministic computations that can be bought, checked and shown.

`get` and `names` are the way in; a `Function` does the rest. What is not here: who computes for
whom and for how much (`pekanu.node`, `pekanu.market`).
"""

from pekanu.catalog.framing import MAX_REGION_BYTES, Value, frame, parse_frame
from pekanu.catalog.function import Function, Progress
from pekanu.catalog.manifest import InputSpec, InvalidManifest, Kind, Manifest
from pekanu.catalog.policy import (
    InvalidPolicy,
    Policy,
    PolicyKind,
    choose_items,
    get_miss_probability,
    parse_policy,
    verify,
)
from pekanu.catalog.program import USUAL_STEPS, Program
from pekanu.catalog.registry import ENTRY_POINT_GROUP, find, get, names
from pekanu.catalog.verdict import RandomBytes, Verdict
from pekanu.catalog.views import HeatMap, Histogram, Picture, Table, View

__all__ = [
    "ENTRY_POINT_GROUP",
    "MAX_REGION_BYTES",
    "USUAL_STEPS",
    "Function",
    "HeatMap",
    "Histogram",
    "InputSpec",
    "InvalidManifest",
    "InvalidPolicy",
    "Kind",
    "Manifest",
    "Picture",
    "Policy",
    "PolicyKind",
    "Program",
    "Progress",
    "RandomBytes",
    "Table",
    "Value",
    "Verdict",
    "View",
    "choose_items",
    "find",
    "frame",
    "get",
    "get_miss_probability",
    "names",
    "parse_frame",
    "parse_policy",
    "verify",
]
