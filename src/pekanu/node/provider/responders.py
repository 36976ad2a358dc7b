"""From decoded requests to the counter and back: numbers and chunks out of bodies and into them.

Not here: the decisions (`counter`), the protection of the bytes (`pekanu.node.peer_server`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from pekanu.errors import InvalidMessage
from pekanu.node.channel_stream import PART_SIZE, get_part_sizes
from pekanu.node.peer_answers import Answer, PeerRequest, Responder
from pekanu.node.peer_operations import Operation
from pekanu.node.pieces import Buffer, Pieces, make_room
from pekanu.node.provider.counter import ProviderCounter
from pekanu.node.provider.joined_ranges import JoinedRanges
from pekanu.node.rooms import Rooms
from pekanu.node.storage import routes
from pekanu.node.storage.messages import (
    NUMBER_SIZE,
    ChunksHead,
    ChunksTaken,
    MissingHead,
    pack_numbers,
    unpack_numbers,
)
from pekanu.storage.chunk_names import RECORD_SIZE, ChunkList
from pekanu.types import Hash32

_HASH_SIZE: Final = 32
#: Uploads in memory at once, and downloads.
_AT_ONCE: Final = 4


class StorageResponders:
    """The operations of one provider, by path.

    Args:
        counter: What answers.
    """

    def __init__(self, counter: ProviderCounter) -> None:
        self._counter, self._downloads = counter, asyncio.Semaphore(_AT_ONCE)
        self._rooms = Rooms(_AT_ONCE, routes.UPLOAD.upload_bytes)
        self.table: Final[dict[str, tuple[Operation[Any, Any], Responder]]] = {
            operation.path: (operation, responder)
            for operation, responder in (
                (routes.INFO, self._info),
                (routes.REGISTER, self._register),
                (routes.QUOTE, self._quote),
                (routes.STATUS, self._status),
                (routes.MISSING, self._missing),
                (routes.OWN, self._own),
                (routes.UPLOAD, self._upload),
                (routes.RECEIPT, self._receipt),
                (routes.ACKNOWLEDGE, self._acknowledge),
                (routes.CHUNKS, self._chunks),
                (routes.LEAVES, self._leaves),
            )
        }

    async def _info(self, request: PeerRequest) -> Answer:
        _ = request
        return Answer(head=await self._counter.fetch_info())

    async def _register(self, request: PeerRequest) -> Answer:
        admitted = await self._counter.register(request.peer, request.message)
        return _build(admitted.head, [admitted.abi, admitted.code])

    async def _quote(self, request: PeerRequest) -> Answer:
        data = bytes(await request.body.read_whole())
        if len(data) != request.message.chunk_count * RECORD_SIZE:
            raise InvalidMessage("the list of chunks is not as long as was announced")
        names = ChunkList(data)
        return Answer(head=await self._counter.quote(request.peer, request.message, names))

    async def _status(self, request: PeerRequest) -> Answer:
        agreement_id = Hash32(request.message.agreement_id)
        return Answer(head=await self._counter.fetch_status(request.peer, agreement_id))

    async def _missing(self, request: PeerRequest) -> Answer:
        agreement_id = Hash32(request.message.agreement_id)
        missing, nonce = await self._counter.find_missing(request.peer, agreement_id)
        head = MissingHead(absent=len(missing.absent), unshown=len(missing.unshown), nonce=nonce)
        return _build(head, [pack_numbers(missing.absent), pack_numbers(missing.unshown)])

    async def _own(self, request: PeerRequest) -> Answer:
        count, data = request.message.count, bytes(await request.body.read_whole())
        split = count * NUMBER_SIZE
        numbers, proofs = unpack_numbers(data[:split], count), data[split:]
        if len(proofs) != count * _HASH_SIZE:
            raise InvalidMessage("there is not one answer for each chunk")
        answers = {
            number: proofs[place * _HASH_SIZE : (place + 1) * _HASH_SIZE]
            for place, number in enumerate(numbers)
        }
        agreement_id = Hash32(request.message.agreement_id)
        held = await self._counter.check_ownership(request.peer, agreement_id, answers)
        return Answer(head=ChunksTaken(count=held))

    async def _upload(self, request: PeerRequest) -> Answer:
        count = request.message.count
        async with self._rooms.lend() as room:
            data = Pieces([await request.body.read_whole(room)])
            numbers = unpack_numbers(bytes(data.read(count * NUMBER_SIZE)), count)
            agreement_id = Hash32(request.message.agreement_id)
            await self._counter.take(request.peer, agreement_id, numbers, data)
        return Answer(head=ChunksTaken(count=count))

    async def _receipt(self, request: PeerRequest) -> Answer:
        agreement_id = Hash32(request.message.agreement_id)
        return Answer(head=await self._counter.sign_receipt(request.peer, agreement_id))

    async def _acknowledge(self, request: PeerRequest) -> Answer:
        agreement_id = Hash32(request.message.agreement_id)
        return Answer(head=await self._counter.acknowledge(request.peer, agreement_id))

    async def _chunks(self, request: PeerRequest) -> Answer:
        asked = request.message
        async with self._downloads:
            sizes, found = await self._counter.fetch_chunks(
                Hash32(asked.agreement_id),
                Hash32(asked.root),
                asked.first,
                min(asked.count, routes.BATCH_CHUNKS),
                routes.ANSWER_BYTES,
            )
        head, numbers = ChunksHead(count=len(sizes), size=sum(sizes)), pack_numbers(sizes)
        size = len(numbers) + head.size
        return Answer(head=head, size=size, parts=_read_parts(numbers, found, size))

    async def _leaves(self, request: PeerRequest) -> Answer:
        asked = request.message
        head, data = await self._counter.fetch_leaves(
            Hash32(asked.agreement_id),
            Hash32(asked.root),
            chunk=asked.chunk,
            first=asked.first,
            count=asked.count,
        )
        return _build(head, [data])


def _build(head: Any, pieces: Sequence[Buffer]) -> Answer:
    found = Pieces(pieces)
    return Answer(head=head, size=found.size, parts=_split(found))


def _read_parts(head: bytes, found: JoinedRanges, size: int) -> Iterator[Buffer]:
    """Yield the parts of an answer that holds a few bytes and what is read behind them.

    All are in the same room: each is gone when the next one is asked for.
    """
    room = make_room(min(size, PART_SIZE))
    with closing(found):
        for part_size in get_part_sizes(size):
            part = room[:part_size]
            part[: len(head)] = head
            found.fill(part[len(head) :])
            head = b""
            yield part


def _split(pieces: Pieces) -> Iterator[Buffer]:
    """Yield the parts that an answer is made of."""
    for size in get_part_sizes(pieces.size):
        yield pieces.read(size)
