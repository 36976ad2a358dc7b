"""A client's talk with one storage provider: the requests of the 14 steps, typed.

Each may be made again. Not here: which provider, and what to do with its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final, Generic, TypeVar

from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.node.channel_stream import PART_SIZE
from pekanu.node.peer_line import Attachment
from pekanu.node.peer_talk import PeerTalk
from pekanu.node.pieces import Buffer
from pekanu.node.storage import routes
from pekanu.node.storage.messages import (
    NUMBER_SIZE,
    AdmissionHead,
    AgreementQuery,
    AgreementStatus,
    ChunksQuery,
    ChunksUpload,
    LeavesQuery,
    OwnershipProofs,
    ProviderInfo,
    ProviderInfoRequest,
    ReceiptHead,
    RegistrationRequest,
    SignedQuote,
    UploadRequest,
    pack_numbers,
    unpack_numbers,
)
from pekanu.node.storage.missing import Missing
from pekanu.storage.chunk_names import ChunkName, pack_names
from pekanu.storage.link import Link
from pekanu.storage.trees import LEAF_SIZE, LeafProof, get_proven_root
from pekanu.types import Hash32

HandledT = TypeVar("HandledT")

_HASH_SIZE: Final = 32
#: Bytes of a chunk, at most: what can be uploaded at once.
_MOST_CHUNK: Final = routes.BATCH_BYTES
#: Bytes of room that chunks need on their way: those of the largest and of a part behind it.
CHUNKS_ROOM: Final = _MOST_CHUNK + PART_SIZE


class ProviderClient(PeerTalk):
    """Talks with one provider; an async context manager. Methods raise as `PeerTalk` says."""

    async def fetch_provider_info(self) -> ProviderInfo:
        """Return what the provider says of itself."""
        return await self._ask(routes.INFO, ProviderInfoRequest())

    async def register(self, request: RegistrationRequest) -> tuple[AdmissionHead, bytes, bytes]:
        """Steps 2 to 4: return the admission, the ABI and the client contract's code."""

        async def ask() -> tuple[AdmissionHead, bytes, bytes]:
            async with self._line.call(routes.REGISTER, request) as call:
                head = call.head
                size = head.abi_bytes + head.code_bytes
                if size > routes.REGISTER.download_bytes:
                    raise InvalidMessage("the provider's ABI and code are too long")
                body = bytes(await call.read_whole(size))
                return head, body[: head.abi_bytes], body[head.abi_bytes :]

        return await self._insist(ask)

    async def fetch_storage_quote(
        self, request: UploadRequest, names: list[ChunkName]
    ) -> SignedQuote:
        """Steps 5 and 6: return the signed quote; nothing of it is checked here."""
        return await self._ask(routes.QUOTE, request, pack_names(names))

    async def fetch_agreement_status(self, agreement_id: Hash32) -> AgreementStatus:
        """Steps 10 and 11: return where an agreement stands."""
        return await self._ask(routes.STATUS, AgreementQuery(agreement_id=agreement_id))

    async def fetch_missing(self, agreement_id: Hash32, chunk_count: int) -> Missing:
        """Step 12: return what is to be uploaded and shown."""

        async def ask() -> Missing:
            query = AgreementQuery(agreement_id=agreement_id)
            async with self._line.call(routes.MISSING, query) as call:
                head = call.head
                total = head.absent + head.unshown
                if total > chunk_count:
                    raise InvalidMessage("the provider misses more chunks than there are")
                numbers = unpack_numbers(bytes(await call.read_whole(total * NUMBER_SIZE)), total)
                if any(number >= chunk_count for number in numbers):
                    raise InvalidMessage("the provider misses chunks that there are not")
                return Missing(
                    absent=tuple(numbers[: head.absent]),
                    unshown=tuple(numbers[head.absent :]),
                    nonce=Hash32(head.nonce),
                )

        return await self._insist(ask)

    async def show(self, agreement_id: Hash32, answers: dict[int, bytes]) -> int:
        """Step 12: show that one holds chunks; return how many answers hold."""
        message = OwnershipProofs(agreement_id=agreement_id, count=len(answers))
        head = await self._ask(routes.OWN, message, pack_numbers(answers), *answers.values())
        return head.count

    async def upload(
        self,
        agreement_id: Hash32,
        numbers: list[int],
        size: int,
        read: Callable[[int], Buffer],
    ) -> None:
        """Step 12: bring chunks; the provider holds them durably when this returns.

        Args:
            agreement_id: The agreement.
            numbers: The chunks, by their places in its order.
            size: Bytes of all of them.
            read: Gives each chunk's bytes; called in a thread, once for every attempt.
        """
        message = ChunksUpload(agreement_id=agreement_id, count=len(numbers))
        packed = pack_numbers(numbers)

        def build_body() -> Attachment:
            return Attachment.of(chain([packed], map(read, numbers)), len(packed) + size)

        head = await self._insist(lambda: self._ask_once(routes.UPLOAD, message, build_body()))
        if head.count != len(numbers):
            raise InvalidMessage("the provider took another number of chunks")

    async def fetch_receipt(self, agreement_id: Hash32) -> ReceiptHead:
        """Step 13: return sigma and L; nothing of them is checked here."""
        return await self._ask(routes.RECEIPT, AgreementQuery(agreement_id=agreement_id))

    async def acknowledge(self, agreement_id: Hash32) -> AgreementStatus:
        """Say that sigma and L arrived: the provider need not put L on chain."""
        return await self._ask(routes.ACKNOWLEDGE, AgreementQuery(agreement_id=agreement_id))

    async def fetch_chunks(
        self,
        link: Link,
        first: int,
        names: Sequence[ChunkName],
        room: memoryview,
        handle: Callable[[int, list[memoryview]], HandledT],
    ) -> list[HandledT]:
        """Hand on neighbouring chunks, by as many answers as the provider needs.

        Their lengths are checked here, their bytes are not (`chunk_opener`).

        Args:
            link: The object.
            first: Number of the first chunk.
            names: That chunk and its neighbours.
            room: Of `CHUNKS_ROOM` bytes; the chunks pass through it.
            handle: Called in a thread with the number of a chunk, and that one and its neighbours
                as they came, to be used before it returns. It is called once for each chunk: behind
                a broken line it goes on.

        Returns:
            What became of them, in order.
        """
        if any(name.size > _MOST_CHUNK for name in names):
            raise InvalidMessage(f"a chunk has at most {_MOST_CHUNK} bytes")
        cutter = _Cutter(first, [name.size for name in names], handle)

        async def ask() -> None:
            left = len(names) - cutter.done
            query = ChunksQuery(
                agreement_id=link.agreement_id,
                root=link.root,
                first=first + cutter.done,
                count=min(left, routes.BATCH_CHUNKS),
            )
            async with self._line.call(routes.CHUNKS, query) as call:
                head = call.head
                if not 1 <= head.count <= query.count:
                    raise InvalidMessage("the provider sent another number of chunks")
                size = cutter.expect(head.count, head.count * NUMBER_SIZE)
                if head.count * NUMBER_SIZE + head.size != size:
                    raise InvalidMessage("the provider's chunks have other lengths than agreed")
                if head.size > routes.ANSWER_BYTES:
                    raise InvalidMessage("the provider sent too many chunks at once")
                await call.read_through(size, room, cutter.take)

        while cutter.done < len(names):
            await self._insist(ask, get_progress=lambda: cutter.done)
        return cutter.handled

    async def fetch_chunk(self, link: Link, number: int, most_bytes: int) -> bytes:
        """Return a chunk whose length is not known; nothing of it is checked here."""
        query = ChunksQuery(agreement_id=link.agreement_id, root=link.root, first=number, count=1)

        async def ask() -> bytes:
            async with self._line.call(routes.CHUNKS, query) as call:
                head = call.head
                if head.count != 1 or head.size > most_bytes:
                    raise InvalidMessage("the provider sent another chunk than asked for")
                return bytes((await call.read_whole(NUMBER_SIZE + head.size))[NUMBER_SIZE:])

        return await self._insist(ask)

    async def fetch_leaves(self, link: Link, *, chunk: int, first: int, count: int) -> LeafProof:
        """Return leaves of a chunk; their proof leads to the link's root.

        Raises:
            InvalidProof: It does not.
        """
        query = LeavesQuery(
            agreement_id=link.agreement_id, root=link.root, chunk=chunk, first=first, count=count
        )

        async def ask() -> LeafProof:
            async with self._line.call(routes.LEAVES, query) as call:
                head = call.head
                if not 1 <= head.size <= count * LEAF_SIZE:
                    raise InvalidMessage("the provider sent other leaves than asked for")
                data = bytes(await call.read_whole(head.size))
            siblings = tuple(Hash32(node) for node in head.siblings)
            return LeafProof(
                chunk=chunk,
                first=first,
                leaf_count=head.leaf_count,
                data=data,
                siblings=siblings,
            )

        proof = await self._insist(ask)
        if get_proven_root(proof, link.chunk_count) != link.root:
            raise InvalidProof(f"the provider's proof of chunk {chunk} does not hold")
        return proof


class _Cutter(Generic[HandledT]):
    """Cuts what comes in at the ends of chunks, and hands on those that are whole.

    Args:
        first: The first chunk's number.
        sizes: Bytes of the chunks.
        handle: Takes a chunk's number, and that one and its neighbours.
    """

    def __init__(
        self, first: int, sizes: list[int], handle: Callable[[int, list[memoryview]], HandledT]
    ) -> None:
        #: Chunks that were handed on, and what became of them.
        self.done = 0
        self.handled: list[HandledT] = []
        self._first, self._sizes, self._handle = first, sizes, handle
        self._skipped = 0

    def expect(self, count: int, skipped: int) -> int:
        """Begin with an answer that brings the next chunks, and return its size.

        Args:
            count: So many chunks.
            skipped: Bytes that come before them.
        """
        self._skipped = skipped
        return skipped + sum(self._sizes[self.done : self.done + count])

    def take(self, data: memoryview) -> int:
        """Hand on what is whole, and return how many bytes are done with."""
        place = min(self._skipped, len(data))
        self._skipped -= place
        whole, end = list[memoryview](), self.done
        while end < len(self._sizes) and place + self._sizes[end] <= len(data):
            whole.append(data[place : place + self._sizes[end]])
            place, end = place + self._sizes[end], end + 1
        if whole:
            self.handled.append(self._handle(self._first + self.done, whole))
            self.done = end
        return place
