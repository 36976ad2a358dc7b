# pragma version 0.4.3
"""
@title Searches
@license MIT
@notice The terms of a search, places of its list of solutions, images among its targets, and what is
        stored of a case. No storage.
@dev Twins: pekanu.ringers.terms, pekanu.ringers.evidence, pekanu.ringers.cases.
"""

from ..libraries import accumulator
from ..libraries import merkle

#: Levels of the tree over an output.
OUTPUT_LEVELS: constant(uint256) = 21
#: Levels of the largest tree of targets.
TARGET_LEVELS: constant(uint256) = 32
#: Bytes of the longest output of the function that a defence can show, and its leaves with the length.
MAX_IMAGE_OUTPUT: constant(uint256) = 992
ROW: constant(uint256) = 32
TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "SearchTerms(bytes32 run,uint256 low,uint256 high,bytes32 targetsRoot,uint32 targets,"
    "bytes32 ringersHash,uint256 bond)"
)

struct SearchTerms:
    run: bytes32  # hash of the program, its steps and the clocks of a bisection (referees/terms.vy)
    low: uint256  # first point of the domain
    high: uint256  # first point beyond it
    targets_root: bytes32  # over the targets, strictly ascending
    targets: uint32
    ringers_hash: bytes32
    bond: uint256  # wei that the client risks with each challenge

#: A leaf of the output's tree; siblings that are roots of zeros are left out.
struct Place:
    leaf: bytes32
    mask: uint256
    siblings: DynArray[bytes32, merkle.MAX_PATH]

#: An image's place among the targets.
struct Target:
    image: bytes32
    index: uint256
    path: DynArray[bytes32, merkle.MAX_DEPTH]

#: What is known of a case between two moves; the contract stores its hash.
struct Case:
    id: bytes32  # by which the market knows the challenge
    task_id: bytes32
    kind: uint256  # of challenge, see RingerReferee
    turn: uint256  # whose move it is, see RingerReferee
    worker: address
    client: address  # who challenged: the client or its agent
    deadline: uint256  # of the move that is owed
    results_root: bytes32  # the claim's: with one item, its result's leaf
    points: bytes32  # hash of the points in question
    images: bytes32  # hash of their images, as the client says; of none where it says none
    bisection: bytes32  # that is played about one of them


@internal
@pure
def terms_hash(terms: SearchTerms) -> bytes32:
    """
    @notice What a task carries in its `terms`.
    """
    return keccak256(abi_encode(TERMS_TYPEHASH, terms))


@internal
@pure
def case_id(case: Case) -> bytes32:
    """
    @notice The name of a case: the same question can be put once by one party.
    """
    return keccak256(abi_encode(case.task_id, case.kind, case.client, case.points))


@internal
@pure
def case_hash(case: Case) -> bytes32:
    """
    @notice What is stored of a case.
    """
    return keccak256(abi_encode(case))


@internal
@pure
def point_at(output_root: bytes32, index: uint256, place: Place) -> uint256:
    """
    @notice The point at a place of the list.
    @dev The output's first leaf is its length.
    """
    merkle.check_mask(place.mask, OUTPUT_LEVELS, len(place.siblings))
    root: bytes32 = empty(bytes32)
    used: uint256 = 0
    root, used = merkle.climb(
        place.leaf, index + 1, empty(bytes32), OUTPUT_LEVELS, place.mask, place.siblings, 0
    )
    assert root == output_root, "ringers: not in the list"
    return convert(place.leaf, uint256)


@internal
@pure
def check_target(terms: SearchTerms, target: Target):
    """
    @notice Refuse an image that is not among the targets.
    """
    count: uint256 = convert(terms.targets, uint256)
    assert (
        target.index < count
        and len(target.path) == merkle.depth_of(count)
        and merkle.root_of_path(target.image, target.index, target.path) == terms.targets_root
    ), "ringers: not a target"


@internal
@pure
def check_ringers(
    terms: SearchTerms, ringers: DynArray[uint256, accumulator.MAX_POINTS], salt: bytes32
):
    """
    @notice Refuse ringers that were not committed to, or are not strictly ascending points of the
            domain.
    """
    assert keccak256(abi_encode(ringers, salt)) == terms.ringers_hash, "ringers: other ringers"
    least: uint256 = terms.low
    for ringer: uint256 in ringers:
        assert ringer >= least and ringer < terms.high, "ringers: not rising in the domain"
        least = ringer + 1


@internal
@pure
def input_root(point: uint256) -> bytes32:
    """
    @notice The root of the input region that holds a point: 32 bytes, big endian.
    """
    root: bytes32 = merkle.hash_pair(self.length_leaf(32), convert(point, bytes32))
    return self.rise(root, 1)


@internal
@pure
def output_root(output: Bytes[MAX_IMAGE_OUTPUT]) -> bytes32:
    """
    @notice The root of the output region that holds some bytes.
    """
    row: bytes32[ROW] = empty(bytes32[ROW])
    row[0] = self.length_leaf(len(output))
    padded: Bytes[MAX_IMAGE_OUTPUT + 32] = concat(output, empty(bytes32))
    leaves: uint256 = (len(output) + 31) // 32
    for i: uint256 in range(leaves, bound=31):
        row[i + 1] = extract32(padded, 32 * i)
    return self.rise(merkle.fold(row, leaves + 1), 5)


@internal
@pure
def rise(node: bytes32, height: uint256) -> bytes32:
    """
    @notice The root of a region whose other subtrees are empty.
    """
    root: bytes32 = node
    hole: bytes32 = empty(bytes32)
    for level: uint256 in range(OUTPUT_LEVELS):
        if level >= height:
            root = merkle.hash_pair(root, hole)
        hole = merkle.hash_pair(hole, hole)
    return root


@internal
@pure
def length_leaf(size: uint256) -> bytes32:
    """
    @notice The first leaf of a region: the length as four little-endian bytes, then zeros.
    @param size Below 2^16.
    """
    return convert((((size & 255) << 24) | ((size >> 8) << 16)) << 224, bytes32)
