"""A task's delivery on disk: runs, results, ciphertext and outputs, on either side.

Files appear whole or not at all, and everything can be made again from what the journal holds.
Its methods block for as long as hashing takes: call them from threads. What is not here: the
bytes' meaning (`pekanu.market.delivery`), the runs' files (`run_files`).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from eth_abi.abi import decode, encode

from pekanu.crypto import pedersen
from pekanu.crypto.merkle import Buffer, get_root
from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.market import delivery
from pekanu.market.claim import RESULT_ABI, Claim, Result
from pekanu.node.batch_file import join_items, split_items
from pekanu.node.peer_messages import pack_results, unpack_results
from pekanu.node.run_files import gather, load_steps, write_whole
from pekanu.types import Hash32

#: Chunks that one transaction can supply. Source: contracts/SealCheck.vy, MAX_SUPPLY.
SUPPLY_CHUNKS: Final = 4
_RESULT_ABI: Final = (RESULT_ABI, "bytes32[]")
_SUPPLY_ABI: Final = (RESULT_ABI, "bytes32[]", "uint256", f"{delivery.FULL_CELL_ABI}[]")


class DeliveryFolder:
    """The files of one task.

    Args:
        folder: Made when something is written.
        task_id: Whose delivery it is.
        count: Items of the task.
    """

    def __init__(self, folder: Path, task_id: Hash32, count: int) -> None:
        self.folder, self._task_id, self._count = folder, task_id, count
        self.output = folder / "output"
        self.ciphertext = folder / "ciphertext"
        #: What the executor leaves, until it is gathered.
        self.runs = folder / "runs"
        #: States of long runs, by program and input (`pekanu.machine.checkpoints`).
        self.states = folder / "states"
        self._results = folder / "results"

    def create(self) -> None:
        """Make the folder, for its owner alone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the worker's side ------------------------------------------------------------------------

    def has_run(self) -> bool:
        """Return whether outputs, results and steps of all items are there."""
        return self.output.exists()

    def gather_runs(self) -> None:
        """Make output, results and steps of what the executor left."""
        gather(self.runs, self._count, self.folder)

    def forget_runs(self) -> None:
        """Delete what the runs left, states aside, so that they are run again."""
        self.output.unlink(missing_ok=True)
        shutil.rmtree(self.runs, ignore_errors=True)

    def load_steps(self) -> list[int]:
        """Return how many steps each item took to its last state."""
        return load_steps(self.folder, self._count)

    def seal(self, key: int, blinding: int) -> tuple[Claim, int]:
        """Return the claim on the runs' results after sealing their outputs, and its size.

        Raises:
            InvalidMessage: The files are not what the runs left: claiming that would be a lie.
        """
        results = self.load_results()
        outputs = split_items(self.output.read_bytes(), self._count)
        sealed = delivery.seal(self._task_id, key, outputs)
        found = list(zip(sealed.output_roots, sealed.output_sizes, strict=True))
        if [(one.output_root, one.output_size) for one in results] != found:
            raise InvalidMessage("the outputs are not those of the results")
        write_whole(self.ciphertext, [sealed.ciphertext])
        key_x, key_y = pedersen.commit(key, blinding)
        claim = Claim(
            results_root=get_root([result.leaf() for result in results]),
            ciphertext_root=sealed.root,
            key_x=key_x,
            key_y=key_y,
        )
        return claim, len(sealed.ciphertext)

    def build_supply(self, item: int, first: int, count: int) -> bytes:
        """Return the evidence that supplies some demanded chunks."""
        results = self.load_results()
        sizes = [one.output_size for one in results]
        tree = delivery.CiphertextTree(sizes, self._map_ciphertext())
        return delivery.encode_supply_evidence(tree, results, item, first, count)

    # --- the client's side ------------------------------------------------------------------------

    def has_results(self) -> bool:
        """Return whether the results are stored."""
        return self._results.exists()

    def load_results(self) -> tuple[Result, ...]:
        """Return the stored results."""
        return unpack_results(self._results.read_bytes(), self._count)

    def store_results(self, claim: Claim, results: tuple[Result, ...]) -> None:
        """Keep the results of a claim.

        Raises:
            InvalidProof: They do not lie under the claim's root.
        """
        if get_root([result.leaf() for result in results]) != claim.results_root:
            raise InvalidProof("the worker's results are not those of its claim")
        self.create()
        write_whole(self._results, [pack_results(results)])

    def get_ciphertext_size(self) -> int:
        """Return the bytes of the ciphertext that the results ask for."""
        return delivery.get_item_offsets([one.output_size for one in self.load_results()])[-1]

    def check_ciphertext(self, claim: Claim) -> None:
        """Check the stored ciphertext against the claim.

        Raises:
            InvalidProof: Its root is another.
        """
        sizes = [one.output_size for one in self.load_results()]
        root = delivery.get_ciphertext_root(sizes, self._map_ciphertext())
        if root != claim.ciphertext_root:
            raise InvalidProof("the worker's ciphertext is not that of its claim")

    def audit(self, key: int) -> list[bytes] | delivery.Complaint:
        """Return all outputs, exactly as claimed, or the first wrong place.

        Raises:
            ProtocolError: The claim is wrong in a way that no complaint can show.
        """
        results = self.load_results()
        return delivery.audit(self._task_id, key, results, self._map_ciphertext())

    def build_complaint(self, key: int, blinding: int) -> bytes:
        """Return the evidence of the first wrong place.

        Raises:
            InvalidMessage: There is none.
        """
        found = self.audit(key)
        if not isinstance(found, delivery.Complaint):
            raise InvalidMessage("the seal is right everywhere")
        results = self.load_results()
        sizes = [one.output_size for one in results]
        tree = delivery.CiphertextTree(sizes, self._map_ciphertext())
        return delivery.build_complaint_evidence(tree, results, found).encode(key, blinding)

    def store_outputs(self, outputs: Sequence[bytes]) -> None:
        """Keep verified outputs in the output file."""
        write_whole(self.output, join_items(outputs))

    def load_outputs(self) -> list[bytes]:
        """Return the stored outputs."""
        return [bytes(item) for item in split_items(self.output.read_bytes(), self._count)]

    # --- rebuilding from the chain ----------------------------------------------------------------

    def rebuild(self, supplied: Sequence[tuple[int, bytes]]) -> tuple[int, int, int, bytes] | None:
        """Write results and ciphertext from what was supplied on chain.

        Args:
            supplied: Item and evidence of each `ChunksSupplied`, in order.

        Returns:
            The next group that is missing: item, first chunk, number of chunks (0 when not
            known) and the evidence that its demand needs; None when everything is there.
        """
        results: dict[int, Result] = {}
        proofs: dict[int, list[bytes]] = {}
        cells: dict[tuple[int, int], tuple[Sequence[bytes], Sequence[bytes]]] = {}
        for item, evidence in supplied:
            fields, proof, first, found = decode(_SUPPLY_ABI, evidence)
            results[item] = Result(**dict(zip(Result.__dataclass_fields__, fields, strict=True)))
            proofs[item] = list(proof)
            for place, (data, nodes, _, _) in enumerate(found):
                cells[item, first + place] = data, nodes
        for item in range(self._count):
            if item not in results:
                return item, 0, 0, b""
            chunks = delivery.Layout.from_size(results[item].output_size).chunk_count
            for chunk in range(chunks):
                if (item, chunk) not in cells:
                    first = chunk // 32 * 32
                    shown = encode(_RESULT_ABI, (results[item].to_abi(), proofs[item]))
                    return item, first, min(32, chunks - first), shown if first else b""
        ordered = [results[item] for item in range(self._count)]
        sizes = [one.output_size for one in ordered]
        offsets = delivery.get_item_offsets(sizes)
        whole = memoryview(bytearray(offsets[-1]))
        for (item, chunk), (data, nodes) in cells.items():
            part = whole[offsets[item] : offsets[item + 1]]
            delivery.place_cell(part, sizes[item], chunk, data, nodes)
        self.create()
        write_whole(self._results, [pack_results(ordered)])
        write_whole(self.ciphertext, [whole])
        return None

    def _map_ciphertext(self) -> Buffer:
        """Return the ciphertext mapped to memory, until nobody looks at it any more."""
        if self.ciphertext.stat().st_size == 0:
            return b""
        with self.ciphertext.open("rb") as file:
            return mmap(file.fileno(), 0, access=ACCESS_READ)
