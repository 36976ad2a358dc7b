# pragma version 0.4.3
"""
@title A dispute between two moves
@license MIT
@notice Whose move it is until when, over which steps, and the commitment to the last dissection. What
        a move must show of it is packed into three words, for calldata sets the price of a move.
        No storage.
@dev Twins: pekanu.dispute.place, pekanu.dispute.dissection, pekanu.dispute.clock.
"""

#: Parts of a dissection at most.
PARTS: constant(uint256) = 16
#: Points that calldata and events have room for, and levels of the tree over the pairs of parts.
POINTS: constant(uint256) = 16
LEVELS: constant(uint256) = 3
#: Whose move it is: the worker's that must open its claim, the worker's, the challenger's.
OPENING: constant(uint256) = 0
WORKERS: constant(uint256) = 1
CHALLENGERS: constant(uint256) = 2

#: What calldata and events carry of a dispute.
struct Place:
    number: uint256  # makes it distinct among those of the same two parties
    waiting: uint256  # the party that waits (bits 0-159), whose move it is (160-167), the step at
    # which the last dissection begins (168-231)
    clocks: uint256  # deadline (bits 0-39), seconds that the worker (40-79) and the challenger
    # (80-119) have left, extension (120-151), last extension (152-183), and the last dissection's
    # length (184-247)

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

#: One part of a dissection: the three states at the ends of its pair of parts, and the pair's path.
struct Pick:
    index: uint256
    states: bytes32[3]
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
    turn: uint256 = (place.waiting >> 160) & 255
    first: uint256 = place.waiting >> 168
    waiting: address = convert(place.waiting & convert(max_value(uint160), uint256), address)
    is_workers: bool = turn != CHALLENGERS
    return Dispute(
        number=place.number,
        worker=mover if is_workers else waiting,
        challenger=waiting if is_workers else mover,
        turn=turn,
        first=first,
        last=unsafe_add(first, place.clocks >> 184),
        deadline=place.clocks & convert(max_value(uint40), uint256),
        worker_left=(place.clocks >> 40) & convert(max_value(uint40), uint256),
        challenger_left=(place.clocks >> 80) & convert(max_value(uint40), uint256),
        extension=(place.clocks >> 120) & convert(max_value(uint32), uint256),
        last_extension=(place.clocks >> 152) & convert(max_value(uint32), uint256),
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
        waiting=convert(waiting, uint256) | (dispute.turn << 160) | (dispute.first << 168),
        clocks=dispute.deadline
        | (dispute.worker_left << 40)
        | (dispute.challenger_left << 80)
        | (dispute.extension << 120)
        | (dispute.last_extension << 152)
        | (unsafe_sub(dispute.last, dispute.first) << 184),
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
    dispute.turn = turn
    dispute.deadline = now + left + seconds
    return dispute


@internal
@pure
def end_turn(dispute: Dispute, now: uint256) -> Dispute:
    """
    @notice Stop the mover's clock, which has run only beyond the extension.
    """
    unused: uint256 = dispute.deadline - now
    if dispute.turn == CHALLENGERS:
        dispute.challenger_left = min(dispute.challenger_left, unused)
    else:
        dispute.worker_left = min(dispute.worker_left, unused)
    return dispute


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
def get_root(start: bytes32, points: bytes32[POINTS], parts: uint256) -> bytes32:
    """
    @notice The root over the pairs of parts, each the hash of the three states at its ends.
    @dev The depth is the same for any number of parts, and a pair is longer than two nodes, so that
         no inner node passes for a pair. Written out: loops cost more than the hashes.
    @param points The states at the ends of the parts; zero where there is no part.
    """
    for i: uint256 in range(parts, POINTS, bound=POINTS):
        assert points[i] == empty(bytes32), "referee: too many points"
    a: bytes32 = self._hash_four(start, points[0], points[1], points[2], points[3])
    b: bytes32 = self._hash_four(points[3], points[4], points[5], points[6], points[7])
    c: bytes32 = self._hash_four(points[7], points[8], points[9], points[10], points[11])
    d: bytes32 = self._hash_four(points[11], points[12], points[13], points[14], points[15])
    return keccak256(abi_encode(keccak256(abi_encode(a, b)), keccak256(abi_encode(c, d))))


@internal
@pure
def _hash_four(
    start: bytes32, first: bytes32, second: bytes32, third: bytes32, fourth: bytes32
) -> bytes32:
    """
    @notice The root over two pairs of parts.
    """
    return keccak256(
        abi_encode(
            keccak256(abi_encode(start, first, second)),
            keccak256(abi_encode(second, third, fourth)),
        )
    )


@internal
@pure
def get_root_of_pick(pick: Pick) -> bytes32:
    """
    @notice The root that a pair of parts and its path give.
    """
    node: bytes32 = keccak256(abi_encode(pick.states[0], pick.states[1], pick.states[2]))
    position: uint256 = pick.index >> 1
    for sibling: bytes32 in pick.siblings:
        if position & 1 == 0:
            node = keccak256(abi_encode(node, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
        position = position >> 1
    assert position == 0, "referee: no such part"
    return node
