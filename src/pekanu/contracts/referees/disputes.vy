# pragma version 0.4.3
"""
@title A dispute between two moves
@license MIT
@notice Whose move it is until when, over which steps, and the commitment to the last dissection. What
        a move must show of it is packed into four words, for calldata sets the price of a move.
        No storage.
@dev Twins: pekanu.dispute.place, pekanu.dispute.dissection, pekanu.dispute.clock.
"""

from ..libraries import merkle

#: Parts of a dissection, and levels of the tree over them.
PARTS: constant(uint256) = 16
LEVELS: constant(uint256) = 4
#: Whose move it is: the worker's that must open its claim, the worker's, the challenger's.
OPENING: constant(uint256) = 0
WORKERS: constant(uint256) = 1
CHALLENGERS: constant(uint256) = 2

#: What calldata and events carry of a dispute.
struct Place:
    number: uint256  # makes it distinct among those of the same two parties
    waiting: uint256  # the party that waits (bits 0-159), whose move it is (160-167)
    interval: uint256  # first (bits 0-63) and last step (64-127) of the last dissection
    clocks: uint256  # deadline (bits 0-39), seconds that the worker (40-79) and the challenger
    # (80-119) have left, extension (120-151), last extension (152-183)

#: The same, unpacked, with the party that owes the move.
struct Dispute:
    number: uint256
    worker: address
    challenger: address
    turn: uint256
    first: uint256
    last: uint256
    deadline: uint256
    worker_left: uint256
    challenger_left: uint256
    extension: uint256
    last_extension: uint256

#: One part of a dissection with its path: the states at both ends, the first one agreed.
struct Pick:
    index: uint256
    start: bytes32
    end: bytes32
    siblings: bytes32[LEVELS]


@internal
@pure
def get_id(dispute: Dispute) -> bytes32:
    """
    @notice The name of a dispute, by which the market knows its challenge.
    """
    return keccak256(abi_encode(dispute.worker, dispute.challenger, dispute.number))


@internal
@pure
def get_commitment(place: Place, root: bytes32) -> bytes32:
    """
    @notice What is stored of a dispute; the parties are in its id.
    @param root Of the last dissection; before the opening, the hash of what is to be opened.
    """
    return keccak256(abi_encode(place, root))


@internal
@pure
def unpack(place: Place, mover: address) -> Dispute:
    """
    @notice A dispute from its words and the party that owes the move.
    """
    turn: uint256 = place.waiting >> 160
    waiting: address = convert(place.waiting & convert(max_value(uint160), uint256), address)
    is_workers: bool = turn != CHALLENGERS
    return Dispute(
        number=place.number,
        worker=mover if is_workers else waiting,
        challenger=waiting if is_workers else mover,
        turn=turn,
        first=place.interval & convert(max_value(uint64), uint256),
        last=place.interval >> 64,
        deadline=place.clocks & convert(max_value(uint40), uint256),
        worker_left=(place.clocks >> 40) & convert(max_value(uint40), uint256),
        challenger_left=(place.clocks >> 80) & convert(max_value(uint40), uint256),
        extension=(place.clocks >> 120) & convert(max_value(uint32), uint256),
        last_extension=place.clocks >> 152,
    )


@internal
@pure
def pack(dispute: Dispute) -> Place:
    """
    @notice A dispute's words.
    """
    waiting: address = dispute.worker if dispute.turn == CHALLENGERS else dispute.challenger
    return Place(
        number=dispute.number,
        waiting=convert(waiting, uint256) | (dispute.turn << 160),
        interval=dispute.first | (dispute.last << 64),
        clocks=dispute.deadline
        | (dispute.worker_left << 40)
        | (dispute.challenger_left << 80)
        | (dispute.extension << 120)
        | (dispute.last_extension << 152),
    )


# ---------------------------------------------------------------------------------------------
#                                             CLOCKS
# ---------------------------------------------------------------------------------------------


@internal
@pure
def start_turn(dispute: Dispute, turn: uint256, now: uint256, extension: uint256) -> Dispute:
    """
    @notice Give somebody the move: until then lie the extension and what its clock has left.
    @dev Where a step may have to be proved, the extension is at least that for the last move.
    """
    seconds: uint256 = extension
    if dispute.last - dispute.first < 2 * PARTS:
        seconds = max(seconds, dispute.last_extension)
    left: uint256 = dispute.challenger_left if turn == CHALLENGERS else dispute.worker_left
    started: Dispute = dispute
    started.turn = turn
    started.deadline = now + left + seconds
    return started


@internal
@pure
def end_turn(dispute: Dispute, now: uint256) -> Dispute:
    """
    @notice Stop the mover's clock, which has run only beyond the extension.
    """
    unused: uint256 = dispute.deadline - now
    ended: Dispute = dispute
    if dispute.turn == CHALLENGERS:
        ended.challenger_left = min(dispute.challenger_left, unused)
    else:
        ended.worker_left = min(dispute.worker_left, unused)
    return ended


# ---------------------------------------------------------------------------------------------
#                                           DISSECTIONS
# ---------------------------------------------------------------------------------------------


@internal
@pure
def count_parts(first: uint256, last: uint256) -> uint256:
    """
    @notice Parts into which an interval is dissected.
    """
    return min(PARTS, last - first)


@internal
@pure
def get_point(first: uint256, last: uint256, index: uint256) -> uint256:
    """
    @notice The step at which a part begins, or where the last one ends.
    """
    return first + (last - first) * index // self.count_parts(first, last)


@internal
@pure
def get_root(start: bytes32, points: bytes32[PARTS], parts: uint256) -> bytes32:
    """
    @notice The root over the parts, each the hash of its two ends; zero where there is none.
    @dev The depth is the same for any number of parts, so no inner node passes for a part.
    @param points The states at the ends of the parts.
    """
    nodes: bytes32[PARTS] = empty(bytes32[PARTS])
    before: bytes32 = start
    for i: uint256 in range(PARTS):
        if i < parts:
            nodes[i] = keccak256(abi_encode(before, points[i]))
            before = points[i]
        else:
            assert points[i] == empty(bytes32), "referee: too many points"
    width: uint256 = PARTS
    for level: uint256 in range(LEVELS):
        width = width >> 1
        for i: uint256 in range(width, bound=PARTS):
            left: uint256 = unsafe_mul(2, i)
            nodes[i] = keccak256(abi_encode(nodes[left], nodes[unsafe_add(left, 1)]))
    return nodes[0]


@internal
@pure
def get_root_of_pick(pick: Pick) -> bytes32:
    """
    @notice The root that a part and its path give.
    """
    node: bytes32 = merkle.hash_pair(pick.start, pick.end)
    for level: uint256 in range(LEVELS):
        if (pick.index >> level) & 1 == 0:
            node = keccak256(abi_encode(node, pick.siblings[level]))
        else:
            node = keccak256(abi_encode(pick.siblings[level], node))
    return node
