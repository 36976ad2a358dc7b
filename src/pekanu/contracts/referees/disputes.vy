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
#: Points that calldata and events have room for.
POINTS: constant(uint256) = 16
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

#: What a party claims of an interval: the states at the ends of its parts.
struct Dissection:
    before: bytes32  # root of the dissection that it answers; zero: it is the first
    part: uint256  # which part of that one it is of
    start: bytes32  # the state at the beginning
    points: bytes32[POINTS]  # those at the ends of the parts; zero where there is none


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
def start_turn(dispute: Dispute, turn: uint256, now: uint256, extension: uint256) -> Place:
    """
    @notice Give somebody the move: until then lie the extension and what its clock has left.
    @dev Where a step may have to be proved, the extension is at least that for the last move.
    """
    seconds: uint256 = extension
    if unsafe_sub(dispute.last, dispute.first) < 2 * PARTS:
        seconds = max(seconds, dispute.last_extension)
    left: uint256 = dispute.challenger_left if turn == CHALLENGERS else dispute.worker_left
    dispute.turn = turn
    dispute.deadline = now + left + seconds
    return self.pack(dispute)


@internal
@pure
def pass_turn(dispute: Dispute, now: uint256, extension: uint256) -> Place:
    """
    @notice Stop the mover's clock, which has run only beyond the extension, and give the other side
            the move.
    @param now At most the deadline.
    """
    unused: uint256 = unsafe_sub(dispute.deadline, now)
    if dispute.turn == CHALLENGERS:
        dispute.challenger_left = min(dispute.challenger_left, unused)
        return self.start_turn(dispute, WORKERS, now, extension)
    dispute.worker_left = min(dispute.worker_left, unused)
    return self.start_turn(dispute, CHALLENGERS, now, extension)


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
def get_part(first: uint256, last: uint256, index: uint256) -> (uint256, uint256):
    """
    @notice The steps at which a part begins and ends.
    @dev Steps are below 2^64, so that nothing overflows.
    """
    length: uint256 = unsafe_sub(last, first)
    parts: uint256 = min(PARTS, length)
    assert index < parts, "referee: no such part"
    return (
        unsafe_add(first, unsafe_div(unsafe_mul(length, index), parts)),
        unsafe_add(first, unsafe_div(unsafe_mul(length, unsafe_add(index, 1)), parts)),
    )


@internal
@pure
def check_points(points: bytes32[POINTS], parts: uint256):
    """
    @notice Refuse points where there is no part.
    """
    for i: uint256 in range(parts, POINTS, bound=POINTS):
        assert points[i] == empty(bytes32), "referee: too many points"


@internal
@pure
def get_root(dissection: Dissection) -> bytes32:
    """
    @notice What stands for a dissection. It holds the one before it, so that it stands for all of them.
    @dev Hashed whole: it is shown only when a step is proved, or that it disputes nothing.
    """
    return keccak256(abi_encode(dissection))


@internal
@pure
def get_start(dissection: Dissection, index: uint256) -> bytes32:
    """
    @notice The state at which a part begins.
    """
    return dissection.start if index == 0 else dissection.points[index - 1]
