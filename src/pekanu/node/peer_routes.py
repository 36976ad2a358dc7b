"""The operations between a client and a worker, one table.

Both the server and the client read it. What is not here: what the operations do
(`peer_handler`) and how they travel (`peer_server`, `peer_client`).
"""

from __future__ import annotations

from typing import Final

from pekanu.node import peer_messages as messages
from pekanu.node.peer_operations import Operation

#: Bytes of bulk data in one request or response; more goes in several.
TRANSFER_BYTES: Final = 16 << 20
#: Bytes of the packed results of one claim: about 900,000.
RESULTS_BYTES: Final = 64 << 20

INFO: Final = Operation(name="info", request=messages.InfoRequest, response=messages.Info)
QUOTE: Final = Operation(name="quote", request=messages.QuoteRequest, response=messages.Quote)
INPUT: Final = Operation(
    name="input",
    request=messages.InputPart,
    response=messages.InputState,
    upload_bytes=TRANSFER_BYTES,
)
ACCEPT: Final = Operation(
    name="accept", request=messages.AcceptanceRequest, response=messages.Acceptance
)
TASK: Final = Operation(name="task", request=messages.TaskQuery, response=messages.TaskStatus)
CLAIM: Final = Operation(
    name="claim",
    request=messages.TaskQuery,
    response=messages.ClaimHead,
    download_bytes=RESULTS_BYTES,
)
CIPHERTEXT: Final = Operation(
    name="ciphertext",
    request=messages.CiphertextRange,
    response=messages.CiphertextHead,
    download_bytes=TRANSFER_BYTES,
)
KEY: Final = Operation(name="key", request=messages.TaskQuery, response=messages.KeyOpening)
APPROVE: Final = Operation(
    name="approve", request=messages.ApprovalNotice, response=messages.TaskStatus
)
