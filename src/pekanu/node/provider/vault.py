"""A provider's vault: chunks go in when they are what their root says, and come out again.

Chunks of one upload become one pack, written and synced before the index names it, and both before
anything is acknowledged. A pack that no agreement needs is deleted; one that is mostly dead is
written anew. All methods block; they may be called from threads. Not here: who may do what
(`provider`), the files (`pekanu.storage.stores`), the books (`index`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pekanu.node.peer_errors import PeerRefused
from pekanu.node.provider.index import AgreementRow, Place, ProviderIndex
from pekanu.node.provider.joined_ranges import JoinedRanges
from pekanu.storage.chunk_names import ChunkList, ChunkName
from pekanu.storage.chunk_trees import get_chunk_entry, get_entry_levels, prove_leaves
from pekanu.storage.ownership import prove_ownership
from pekanu.storage.stores import PackStore, StoreError
from pekanu.storage.trees import (
    MAX_ANSWER,
    CountProof,
    LeafProof,
    build_count_proof,
)
from pekanu.types import Hash32

_LOG: Final = logging.getLogger(__name__)
#: Bytes of a pack's random name.
_NAME_SIZE: Final = 16
#: Chunks that are looked up at once, where an agreement's are gone through.
_MANY: Final = 4096
#: Ranges of packs that are open for one reader.
_MOST_RUNS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What a client still has to do for an agreement's chunks, by their places in its order."""

    #: To be uploaded.
    absent: tuple[int, ...]
    #: Held for somebody: to be shown, or uploaded all the same.
    unshown: tuple[int, ...]


class Vault:
    """Keeps chunks.

    Args:
        store: Keeps packs.
        index: Knows which chunk lies where.
        draw: Gives random bytes.
    """

    def __init__(
        self, store: PackStore, index: ProviderIndex, *, draw: Callable[[int], bytes]
    ) -> None:
        self._store, self.index, self._draw = store, index, draw

    def sweep(self) -> int:
        """Delete packs that a kill left behind before the index named them; return how many."""
        known, strangers = self.index.list_packs(), 0
        for name in list(self._store.list()):
            if name not in known:
                self._store.delete(name)
                strangers += 1
        return strangers

    def find_missing(self, row: AgreementRow) -> Missing:
        """Return what is left to do; of equal chunks the first stands for all."""
        names = row.names
        absent: list[int] = []
        unshown: list[int] = []
        for some in names.split_different(_MANY):
            left = {number: names[number] for number in some if not row.shown[number]}
            places = self.index.find_places(left.values())
            for number, name in left.items():
                (unshown if name.key in places else absent).append(number)
        return Missing(absent=tuple(absent), unshown=tuple(unshown))

    def take(
        self,
        agreement_id: Hash32,
        names: ChunkList,
        bodies: Sequence[tuple[int, memoryview]],
    ) -> None:
        """Keep chunks of an agreement, each held to its root; durable when this returns.

        Args:
            agreement_id: The agreement.
            names: Its chunks.
            bodies: Some of them, by their places in its order.

        Raises:
            PeerRefused: A chunk is not what its root says (``malformed``): nothing is kept.
            StoreError: They cannot be written.
        """
        for number, data in bodies:
            check_chunk(names[number], data, number)
        held = self.index.find_places([names[number] for number, _ in bodies])
        fresh: dict[str, memoryview] = {
            names[number].key: data for number, data in bodies if names[number].key not in held
        }
        pack, places, offset = self._draw(_NAME_SIZE).hex(), {}, 0
        for key, data in fresh.items():
            places[key] = Place(pack=pack, offset=offset, size=len(data))
            offset += len(data)
        if fresh:
            self._store.put(pack, list(fresh.values()))
        shown = names.find_equal(number for number, _ in bodies)
        is_needed = self.index.record_pack(
            agreement_id, names, pack=pack if fresh else None, places=places, shown=shown
        )
        if fresh and not is_needed:
            self._store.delete(pack)

    def check_ownership(
        self, agreement_id: Hash32, names: ChunkList, nonce: bytes, answers: Mapping[int, bytes]
    ) -> int:
        """Note the chunks that a client showed to hold; return how many of its answers are right.

        A wrong answer costs nothing but the upload of that chunk.
        """
        places = self.index.find_places([names[number] for number in answers])
        shown = set()
        for number, answer in answers.items():
            name = names[number]
            place = places.get(name.key)
            if place is None:
                continue
            data = self._store.read(place.pack, place.offset, place.size)
            if prove_ownership(nonce, name.root, data) == answer:
                shown.add(number)
        self.index.record_pack(
            agreement_id, names, pack=None, places={}, shown=names.find_equal(shown)
        )
        return len(shown)

    def read(self, name: ChunkName) -> bytes:
        """Return a chunk.

        Raises:
            StoreError: It is not held, or was lost.
        """
        place = self._find_places([name])[0]
        return self._store.read(place.pack, place.offset, place.size)

    def open(self, names: Sequence[ChunkName]) -> tuple[int, JoinedRanges]:
        """Return how many of some chunks can be read at once, at least one, and their bytes.

        Neighbours in a pack are read together, from few packs at once.

        Raises:
            StoreError: One is not held, or was lost.
        """
        count, runs = 0, list[Place]()
        for place in self._find_places(names):
            if runs and _follows(runs[-1], place):
                runs[-1] = replace(runs[-1], size=runs[-1].size + place.size)
            elif len(runs) == _MOST_RUNS:
                break
            else:
                runs.append(place)
            count += 1
        opened = JoinedRanges()
        for run in runs:
            opened.add(self._store.open(run.pack, run.offset, run.size), run.size)
        return count, opened

    def _find_places(self, names: Sequence[ChunkName]) -> list[Place]:
        places = self.index.find_places(names)
        if any(name.key not in places for name in names):
            raise StoreError("a chunk is not held here")
        return [places[name.key] for name in names]

    def prove(
        self, names: Sequence[ChunkName], *, chunk: int, first: int, count: int
    ) -> LeafProof | CountProof:
        """Return the answer to a challenge: the leaves, or how many there are.

        Args:
            names: All chunks of the agreement.
            chunk: Which is asked for.
            first: Its first leaf that is.
            count: So many leaves; `MAX_ANSWER` are shown at most.

        Raises:
            StoreError: The chunk was lost.
        """
        levels = get_entry_levels(name.entry for name in names)
        entry = names[chunk].entry
        leaves = entry.leaf_count
        if first >= leaves:
            return build_count_proof(levels, entry, chunk)
        data = self.read(names[chunk])
        if get_chunk_entry(data) != entry:
            raise StoreError(f"chunk {chunk} is damaged")
        shown = min(count, MAX_ANSWER, leaves - first)
        return prove_leaves(levels, data, chunk=chunk, first=first, count=shown)

    def release(self, agreement_id: Hash32) -> None:
        """Let an agreement's chunks go, and delete what nobody needs."""
        for pack in self.index.release(agreement_id):
            self._store.delete(pack)

    def compact(self) -> int:
        """Write anew the packs of which less than half is needed; return how many."""
        written = 0
        while (old := self.index.find_sparse_pack()) is not None:
            places = self.index.list_places(old)
            new, offset, moved, parts = self._draw(_NAME_SIZE).hex(), 0, {}, []
            for key, place in places.items():
                parts.append(self._store.read(old, place.offset, place.size))
                moved[key] = Place(pack=new, offset=offset, size=place.size)
                offset += place.size
            self._store.put(new, parts)
            self.index.move(old, new, moved)
            self._store.delete(old)
            written += 1
        return written


def check_chunk(name: ChunkName, data: memoryview, number: int) -> None:
    """Refuse bytes that are not the chunk they are sent as.

    Raises:
        PeerRefused: They have another root or length (``malformed``).
    """
    if not name.is_of(data):
        raise PeerRefused("malformed", f"chunk {number} is not what its root says")


def _follows(before: Place, after: Place) -> bool:
    return before.pack == after.pack and before.offset + before.size == after.offset
