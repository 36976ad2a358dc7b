# pragma version 0.4.3
"""
@title SealCheck
@license MIT
@notice Reads evidence about sealed outputs for the market: the result of an item, chunks of
        ciphertext, one wrong place. No state, no money, no owner: anyone may call it to ask what the
        market would say.
@dev Twin: pekanu.market.delivery. Evidence is an ABI-encoded tuple; what does not decode reverts.
"""

from .libraries import merkle
from .libraries import pedersen
from .libraries import seal
from .libraries import tasks as task_lib

#: Chunks that one supply can carry.
MAX_SUPPLY: constant(uint256) = 4
MAX_RESULT_EVIDENCE: constant(uint256) = 2048
MAX_SUPPLY_EVIDENCE: constant(uint256) = 16384
MAX_COMPLAINT_EVIDENCE: constant(uint256) = 8192


@external
@pure
def count_chunks(
    results_root: bytes32,
    items: uint256,
    item: uint256,
    evidence: Bytes[MAX_RESULT_EVIDENCE],
) -> uint256:
    """
    @notice The chunks that an item has.
    @param evidence (Result, bytes32[] path).
    """
    result: seal.Result = empty(seal.Result)
    path: DynArray[bytes32, merkle.MAX_DEPTH] = []
    result, path = abi_decode(evidence, (seal.Result, DynArray[bytes32, merkle.MAX_DEPTH]))
    assert seal.is_result(results_root, item, items, result, path), "seal: not the result"
    return seal.count_chunks(convert(result.output_size, uint256))


@external
@pure
def get_supplied(
    claim: task_lib.Claim,
    items: uint256,
    item: uint256,
    start: uint256,
    count: uint256,
    evidence: Bytes[MAX_SUPPLY_EVIDENCE],
) -> uint256:
    """
    @notice The chunks that a supply answers, as a bitmap from `start` on: those that it carries and
            those that the result says do not exist.
    @param start First of the `count` chunks that were demanded.
    @param evidence (Result, bytes32[] path, uint256 first, FullCell[] cells): chunks from `first` on.
    """
    result: seal.Result = empty(seal.Result)
    path: DynArray[bytes32, merkle.MAX_DEPTH] = []
    first: uint256 = 0
    cells: DynArray[seal.FullCell, MAX_SUPPLY] = []
    result, path, first, cells = abi_decode(
        evidence,
        (
            seal.Result,
            DynArray[bytes32, merkle.MAX_DEPTH],
            uint256,
            DynArray[seal.FullCell, MAX_SUPPLY],
        ),
    )
    assert seal.is_result(claim.results_root, item, items, result, path), "seal: not the result"
    size: uint256 = convert(result.output_size, uint256)
    chunks: uint256 = seal.count_chunks(size)
    anchor: seal.Anchor = seal.Anchor(root=claim.ciphertext_root, item=item, count=items)
    supplied: uint256 = 0
    chunk: uint256 = first
    for cell: seal.FullCell in cells:
        assert chunk >= start and chunk < start + count, "seal: chunk not demanded"
        assert chunk < chunks, "seal: no such place"
        assert len(cell.data) == seal.count_cell_blocks(chunk, size), "seal: wrong number of blocks"
        assert seal.is_cell(
            anchor,
            chunk,
            chunks,
            seal.Cell(
                data_root=seal.data_root(chunk, cell.data),
                nodes=cell.nodes,
                mask=cell.mask,
                siblings=cell.siblings,
            ),
        ), "seal: not in the ciphertext"
        supplied |= 1 << (chunk - start)
        chunk += 1
    for k: uint256 in range(32):
        if k < count and start + k >= chunks:
            supplied |= 1 << k
    return supplied


@external
@view
def is_wrong(
    task_id: bytes32,
    claim: task_lib.Claim,
    items: uint256,
    evidence: Bytes[MAX_COMPLAINT_EVIDENCE],
) -> bool:
    """
    @notice Whether a complaint shows a wrong place; evidence that proves nothing reverts.
    @param evidence (uint256 key, uint256 blinding, uint256 item, Result, bytes32[] path,
           uint256 level, uint256 index, bytes32[] data, Cell[] cells). Level 5: chunk `index` does
           not hash to its node; `data` are its blocks. Above: node `index` of this level does not
           follow from its children. One above the top: the top does not lead to the output root.
           The cells are those of the place, left to right.
    """
    key: uint256 = 0
    blinding: uint256 = 0
    item: uint256 = 0
    result: seal.Result = empty(seal.Result)
    path: DynArray[bytes32, merkle.MAX_DEPTH] = []
    level: uint256 = 0
    index: uint256 = 0
    data: DynArray[bytes32, seal.MAX_BLOCKS] = []
    cells: DynArray[seal.Cell, 2] = []
    key, blinding, item, result, path, level, index, data, cells = abi_decode(
        evidence,
        (
            uint256,
            uint256,
            uint256,
            seal.Result,
            DynArray[bytes32, merkle.MAX_DEPTH],
            uint256,
            uint256,
            DynArray[bytes32, seal.MAX_BLOCKS],
            DynArray[seal.Cell, 2],
        ),
    )
    assert pedersen.is_opening(claim.key_x, claim.key_y, key, blinding), "seal: wrong key"
    assert seal.is_result(claim.results_root, item, items, result, path), "seal: not the result"
    size: uint256 = convert(result.output_size, uint256)
    chunks: uint256 = seal.count_chunks(size)
    key_of: seal.Seal = seal.Seal(task_id=task_id, key=key, item=item)
    anchor: seal.Anchor = seal.Anchor(root=claim.ciphertext_root, item=item, count=items)
    if level == seal.CHUNK_LEVEL:
        return seal.is_wrong_chunk(key_of, anchor, index, size, data, cells[0])
    if level == seal.top_level(chunks) + 1:
        assert index == 0, "seal: no such place"
        return seal.is_wrong_top(key_of, anchor, chunks, result.output_root, cells[0])
    assert level > seal.CHUNK_LEVEL, "seal: no such place"
    return seal.is_wrong_node(key_of, anchor, level, index, chunks, cells)
