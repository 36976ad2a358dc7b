"""The operations between a client and a storage provider, one table, as `peer_routes` for workers.

What is not here: what they do (`pekanu.node.provider`), how they travel (`peer_server`).
"""

from __future__ import annotations

from typing import Final

from pekanu.node.peer_operations import Operation
from pekanu.node.storage import messages

#: Bytes of chunks in one request, which a provider holds in memory. Each costs it some waits for
#: its disk, and both sides a millisecond or two of what surrounds the bytes.
BATCH_BYTES: Final = 12 << 20
#: Bytes of chunks in one response, of which both sides hold a part at a time.
ANSWER_BYTES: Final = 32 << 20
#: Chunks in one request or response.
BATCH_CHUNKS: Final = 4096
#: Bytes of a list of chunks: some 1.8 million.
LIST_BYTES: Final = 64 << 20

INFO: Final = Operation(
    name="storage-info", request=messages.ProviderInfoRequest, response=messages.ProviderInfo
)
REGISTER: Final = Operation(
    name="storage-register",
    request=messages.RegistrationRequest,
    response=messages.AdmissionHead,
    download_bytes=1 << 20,
)
QUOTE: Final = Operation(
    name="storage-quote",
    request=messages.UploadRequest,
    response=messages.SignedQuote,
    upload_bytes=LIST_BYTES,
)
STATUS: Final = Operation(
    name="storage-status", request=messages.AgreementQuery, response=messages.AgreementStatus
)
MISSING: Final = Operation(
    name="storage-missing",
    request=messages.AgreementQuery,
    response=messages.MissingHead,
    download_bytes=LIST_BYTES,
)
OWN: Final = Operation(
    name="storage-own",
    request=messages.OwnershipProofs,
    response=messages.ChunksTaken,
    upload_bytes=36 * BATCH_CHUNKS,
)
UPLOAD: Final = Operation(
    name="storage-upload",
    request=messages.ChunksUpload,
    response=messages.ChunksTaken,
    upload_bytes=BATCH_BYTES + 4 * BATCH_CHUNKS,
)
RECEIPT: Final = Operation(
    name="storage-receipt", request=messages.AgreementQuery, response=messages.ReceiptHead
)
ACKNOWLEDGE: Final = Operation(
    name="storage-acknowledge", request=messages.AgreementQuery, response=messages.AgreementStatus
)
CHUNKS: Final = Operation(
    name="storage-chunks",
    request=messages.ChunksQuery,
    response=messages.ChunksHead,
    download_bytes=ANSWER_BYTES + 4 * BATCH_CHUNKS,
)
LEAVES: Final = Operation(
    name="storage-leaves",
    request=messages.LeavesQuery,
    response=messages.LeavesHead,
    download_bytes=1 << 20,
)
