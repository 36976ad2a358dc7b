# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title BisectionReferee
@license MIT
@notice Rules challenges of the market on evidence alone: two parties narrow their disagreement about a
        program's states down to one instruction, which MachineStep executes. No owner, no money: bonds
        lie in the market. Other contracts can have a bisection played, and read its outcome.
@dev Twin: pekanu.dispute.game. Of each dispute one word is stored: a commitment while it is played,
     its outcome afterwards. What a move answers is in its calldata, so a move is for exactly one
     position of one dispute. A move is valid while block.timestamp <= deadline, the time-out from the
     second after.
"""

from .libraries import merkle
from .libraries import seal
from .libraries import tasks as task_lib
from .referees import disputes
from .referees import endings
from .referees import terms as terms_lib

interface Market:
    def states(task_id: bytes32) -> uint256: view
    def open_challenge(
        task: task_lib.Task, claim: task_lib.Claim, challenge: bytes32, challenger: address
    ): payable
    def dismiss(task: task_lib.Task, challenge: bytes32): nonpayable
    def rule_against_worker(task: task_lib.Task, challenge: bytes32): nonpayable

# ---------------------------------------------------------------------------------------------
#                                            CONSTANTS
# ---------------------------------------------------------------------------------------------

#: Outcomes, which take the commitment's place. No hash is as small.
UPHELD: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001
REFUTED: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000002
#: The worker's clock is at most so many times the terms', however many dispute with it at once.
MAX_CLOCKS: constant(uint256) = 16
#: Numbers from here on are of bisections that other contracts opened.
FOREIGN: constant(uint256) = 2**255
#: Bytes of what is shown of one step: a state, and a witness with all siblings.
MAX_PROOF: constant(uint256) = 1728
#: The function by which MachineStep executes a step.
STEP: constant(bytes4) = method_id(
    "step(bytes32,bytes32,(bytes32,uint256[4],uint256),(bytes32,bytes32,uint256,bytes32[]))",
    output_type=bytes4,
)

# ---------------------------------------------------------------------------------------------
#                                             STORAGE
# ---------------------------------------------------------------------------------------------

#: Where the money is, and who executes the last step; in the code, not in storage.
MARKET: immutable(Market)
MACHINE_STEP: immutable(address)

#: Slot 0. Each dispute's commitment or outcome; zero: never seen.
disputes_: HashMap[bytes32, bytes32]

# ---------------------------------------------------------------------------------------------
#                                              EVENTS
# ---------------------------------------------------------------------------------------------

event Challenged:  # the worker must open an item of its claim
    dispute: indexed(bytes32)
    task_id: indexed(bytes32)
    challenger: indexed(address)
    worker: address
    item: uint256
    bond: uint256
    place: disputes.Place

event BisectionOpened:  # another contract has one played; the challenger must move
    dispute: indexed(bytes32)
    opener: indexed(address)
    challenger: indexed(address)
    worker: address
    start: bytes32
    points: bytes32[disputes.POINTS]
    place: disputes.Place

event Opened:  # the worker has, with its first dissection; the challenger must move
    dispute: indexed(bytes32)
    start: bytes32
    points: bytes32[disputes.POINTS]
    place: disputes.Place

event Dissected:  # a part of the last dissection was disputed by a dissection of its own
    dispute: indexed(bytes32)
    index: uint256
    clocks: uint256
    start: bytes32
    points: bytes32[disputes.POINTS]

event Proved:  # a step was executed
    dispute: indexed(bytes32)
    step: uint256
    before: bytes32
    claimed: bytes32
    after: bytes32

event Exposed:  # the last dissection was not of the part that it was to be of
    dispute: indexed(bytes32)
    author: indexed(address)

event TimedOut:  # the party that owed the move has lost by its clock
    dispute: indexed(bytes32)
    mover: indexed(address)

event Ruled:  # it is over
    dispute: indexed(bytes32)
    is_refuted: bool

#: What a challenge asks a worker for: an item of its claim, and whose input and program it is of.
struct Asked:
    results_root: bytes32
    program_id: bytes32
    inputs_root: bytes32
    first_extension: uint256
    count: uint256
    index: uint256

#: What a worker shows to open an item of its claim.
struct Item:
    count: uint256
    index: uint256
    result: seal.Result
    result_path: DynArray[bytes32, merkle.MAX_DEPTH]
    input_root: bytes32
    input_path: DynArray[bytes32, merkle.MAX_DEPTH]


@deploy
def __init__(market: address, machine_step: address):
    """
    @param market The market whose challenges it rules.
    @param machine_step The MachineStep contract, which has no state and no owner.
    """
    MARKET = Market(market)
    MACHINE_STEP = machine_step


@external
@view
def market() -> address:
    """
    @notice The market whose challenges it rules.
    """
    return MARKET.address


@external
@view
def commitment_of(dispute: bytes32) -> bytes32:
    """
    @notice What is stored of a dispute: zero if it was never seen, 1 if it ended for the worker, 2 if
            against it, else the commitment to where it stands.
    """
    return self.disputes_[dispute]


@external
@view
def task_id(task: task_lib.Task) -> bytes32:
    """
    @notice A task's identity in the market.
    """
    return self._task_id(task)


@internal
@view
def _task_id(task: task_lib.Task) -> bytes32:
    separator: bytes32 = keccak256(
        abi_encode(
            task_lib.DOMAIN_TYPEHASH,
            task_lib.NAME_HASH,
            task_lib.VERSION_HASH,
            chain.id,
            MARKET.address,
        )
    )
    return keccak256(concat(x"1901", separator, task_lib.struct_hash(task)))


# ---------------------------------------------------------------------------------------------
#                                       CHALLENGE AND OPENING
# ---------------------------------------------------------------------------------------------


@external
@view
def bond_of(task: task_lib.Task, terms: terms_lib.Terms, for_client: bool) -> uint256:
    """
    @notice The least bond of a challenge now.
    """
    return self._get_bond(task_lib.unpack(staticcall MARKET.states(self._task_id(task))), terms, for_client)


@external
@payable
def challenge(
    task: task_lib.Task,
    claim: task_lib.Claim,
    terms: terms_lib.Terms,
    item: uint256,
    number: uint64,
    for_client: bool,
):
    """
    @notice Dispute an item of a delivered claim. By anyone; the value sent is the bond.
    @dev Terms of which no dispute can be played are refused here; nobody should sign a task with
         such terms (pekanu.dispute.rules).
    @param number Makes the dispute distinct among those of the same challenger and worker.
    @param for_client Whether the caller speaks for the client, as the client or its agent. Said by the
           caller, so that nobody is made an agent, whose half of the stake is the client's, unasked.
    """
    assert terms_lib.get_hash(terms) == task.terms, "referee: other terms"
    assert terms_lib.are_sound(terms), "referee: unsound terms"
    assert item < convert(task.count, uint256), "referee: no such item"
    speaks: bool = msg.sender == task.client or msg.sender == task.agent
    assert speaks == for_client, "referee: named as the client's"
    task_id_: bytes32 = self._task_id(task)
    state: task_lib.State = task_lib.unpack(staticcall MARKET.states(task_id_))
    assert msg.value >= self._get_bond(state, terms, for_client), "referee: bond too low"
    clock: uint256 = convert(terms.clock, uint256)
    dispute: disputes.Dispute = disputes.Dispute(
        number=convert(number, uint256),
        worker=state.worker,
        challenger=msg.sender,
        turn=disputes.OPENING,
        first=0,
        last=convert(terms.max_steps, uint256),
        deadline=0,
        worker_left=clock * min(1 + self._count_open(state), MAX_CLOCKS),
        challenger_left=clock,
        extension=convert(terms.extension, uint256),
        last_extension=convert(terms.last_extension, uint256),
    )
    id: bytes32 = disputes.get_id(dispute)
    assert self.disputes_[id] == empty(bytes32), "referee: number used"
    place: disputes.Place = disputes.start_turn(
        dispute, disputes.OPENING, block.timestamp, convert(terms.first_extension, uint256)
    )
    self.disputes_[id] = disputes.get_commitment(
        place,
        self._get_asked(
            Asked(
                results_root=claim.results_root,
                program_id=terms.program_id,
                inputs_root=terms.inputs_root,
                first_extension=convert(terms.first_extension, uint256),
                count=convert(task.count, uint256),
                index=item,
            )
        ),
    )
    log Challenged(
        dispute=id,
        task_id=task_id_,
        challenger=msg.sender,
        worker=state.worker,
        item=item,
        bond=msg.value,
        place=place,
    )
    extcall MARKET.open_challenge(task, claim, id, msg.sender, value=msg.value)


@internal
@pure
def _count_open(state: task_lib.State) -> uint256:
    return state.client_challenges + state.other_challenges


@internal
@pure
def _get_bond(
    state: task_lib.State, terms: terms_lib.Terms, for_client: bool
) -> uint256:
    """
    @notice The base bond for the client's first challenge; for others as many times that as
            there would then be challenges.
    """
    if for_client and state.client_challenges == 0:
        return terms.bond
    return terms.bond * (1 + self._count_open(state))


@internal
@pure
def _get_asked(asked: Asked) -> bytes32:
    """
    @notice What stands for the item that is to be opened.
    """
    return keccak256(abi_encode(asked))


@external
@reentrant
def open(
    place: disputes.Place,
    first_extension: uint256,
    program: terms_lib.Program,
    item: Item,
    ending: endings.Ending,
    points: bytes32[disputes.POINTS],
):
    """
    @notice Show the challenged item's result, that it is the one of a final state, and the states at
            the ends of equal parts of the run. The worker alone.
    @dev The first state is derived here, never shown; the last is the one that the result names.
    @param first_extension The terms'.
    @param points The states at the ends of the parts but the last.
    """
    dispute: disputes.Dispute = disputes.unpack(place, msg.sender)
    asked: Asked = Asked(
        results_root=merkle.root_of_path(
            seal.result_leaf(item.result), item.index, item.result_path
        ),
        program_id=terms_lib.get_program_id(program),
        inputs_root=merkle.root_of_path(item.input_root, item.index, item.input_path),
        first_extension=first_extension,
        count=item.count,
        index=item.index,
    )
    id: bytes32 = disputes.get_id(dispute)
    self._check_turn(id, place, dispute.deadline, self._get_asked(asked))
    assert dispute.turn == disputes.OPENING, "referee: opened before"
    depth: uint256 = merkle.depth_of(item.count)
    assert len(item.result_path) == depth, "referee: other depth"
    assert len(item.input_path) == depth, "referee: other depth"
    endings.check(item.result, ending)
    parts: uint256 = disputes.count_parts(dispute.first, dispute.last)
    disputes.check_points(points, parts - 1)
    all_points: bytes32[disputes.POINTS] = points
    all_points[parts - 1] = item.result.evidence
    start: bytes32 = endings.get_first_root(program, item.input_root)
    opened: disputes.Place = self._pass_turn(
        id, dispute, self._get_first(start, all_points, parts), first_extension
    )
    log Opened(dispute=id, start=start, points=all_points, place=opened)


# ---------------------------------------------------------------------------------------------
#                                         THE PLAY
# ---------------------------------------------------------------------------------------------


@external
@reentrant
def dissect(place: disputes.Place, shown: disputes.Dissection):
    """
    @notice Dispute the end of a part of the other's last dissection, of which the start is agreed, by
            a dissection of that part. The party that owes the move alone.
    @dev That it starts where the part does, and ends elsewhere, is not shown: that would take the
         dissection before it at every move. Whoever's does not loses by expose.
    """
    dispute: disputes.Dispute = disputes.unpack(place, msg.sender)
    id: bytes32 = disputes.get_id(dispute)
    self._check_turn(id, place, dispute.deadline, shown.before)
    dispute.first, dispute.last = self._get_part(dispute, shown.part)
    parts: uint256 = disputes.count_parts(dispute.first, dispute.last)
    assert parts > 1, "referee: one step is proved"
    disputes.check_points(shown.points, parts)
    passed: disputes.Place = self._pass_turn(
        id, dispute, disputes.get_root(shown), dispute.extension
    )
    log Dissected(
        dispute=id,
        index=shown.part,
        clocks=passed.clocks,
        start=shown.start,
        points=shown.points,
    )


@external
def expose(
    place: disputes.Place,
    mover: address,
    answered: disputes.Dissection,
    shown: disputes.Dissection,
    task: task_lib.Task,
):
    """
    @notice Show that the last dissection does not start where the part does that it is of, or ends
            where that does: it disputes nothing. Its author loses. By anyone.
    @param mover The party that owes the move.
    @param answered The dissection before the last.
    @param shown The last.
    """
    assert place.number < FOREIGN, "referee: not of the market"
    id: bytes32 = empty(bytes32)
    is_refuted: bool = False
    id, is_refuted = self._expose(place, mover, answered, shown)
    self._rule(id, is_refuted, task)


@external
def prove(
    place: disputes.Place,
    mover: address,
    shown: disputes.Dissection,
    index: uint256,
    proof: Bytes[MAX_PROOF],
    task: task_lib.Task,
    terms: terms_lib.Terms,
    program: terms_lib.Program,
):
    """
    @notice Execute a part that is one step long. Whoever claimed another end than follows loses; if
            the end follows, the party that owed the move, for it had nothing to dispute. By anyone; for
            the second, where there is another part that could be disputed, by that party.
    @param mover The party that owes the move.
    @param shown The last dissection.
    @param index Which part of it.
    @param proof The last two arguments of MachineStep.step, in the ABI's encoding.
    """
    assert place.number < FOREIGN, "referee: not of the market"
    assert terms_lib.get_hash(terms) == task.terms, "referee: other terms"
    assert terms_lib.get_program_id(program) == terms.program_id, "referee: other program"
    id: bytes32 = empty(bytes32)
    is_refuted: bool = False
    id, is_refuted = self._prove(place, mover, shown, index, proof, program.text_root)
    self._rule(id, is_refuted, task)


@external
def time_out(
    place: disputes.Place, mover: address, root: bytes32, task: task_lib.Task
):
    """
    @notice End a dispute whose mover's clock is over, against it. By anyone.
    @param root Of the last dissection; before the opening, the hash of what is to be opened.
    """
    assert place.number < FOREIGN, "referee: not of the market"
    id: bytes32 = empty(bytes32)
    is_refuted: bool = False
    id, is_refuted = self._time_out(place, mover, root)
    self._rule(id, is_refuted, task)


@internal
@view
def _check_position(id: bytes32, place: disputes.Place, root: bytes32):
    """
    @notice Refuse a move for a position at which the dispute does not stand.
    """
    stored: bytes32 = self.disputes_[id]
    if stored != disputes.get_commitment(place, root):
        assert stored != empty(bytes32), "referee: no such dispute"
        assert stored != UPHELD and stored != REFUTED, "referee: over"
        raise "referee: other position"


@internal
@view
def _check_turn(id: bytes32, place: disputes.Place, deadline: uint256, root: bytes32):
    """
    @notice The same, and a move for which the clock is over.
    """
    self._check_position(id, place, root)
    assert block.timestamp <= deadline, "referee: clock over"


@internal
@pure
def _get_part(dispute: disputes.Dispute, index: uint256) -> (uint256, uint256):
    """
    @notice The steps of the part that is picked.
    """
    assert dispute.turn != disputes.OPENING, "referee: not opened"
    return disputes.get_part(dispute.first, dispute.last, index)


@internal
@pure
def _get_first(start: bytes32, points: bytes32[disputes.POINTS], parts: uint256) -> bytes32:
    """
    @notice The root of a dispute's first dissection.
    """
    disputes.check_points(points, parts)
    return disputes.get_root(
        disputes.Dissection(before=empty(bytes32), part=0, start=start, points=points)
    )


@internal
def _pass_turn(
    id: bytes32, dispute: disputes.Dispute, root: bytes32, extension: uint256
) -> disputes.Place:
    """
    @notice Store a dissection and give the other party the move.
    """
    passed: disputes.Place = disputes.pass_turn(dispute, block.timestamp, extension)
    self.disputes_[id] = disputes.get_commitment(passed, root)
    return passed


@internal
def _prove(
    place: disputes.Place,
    mover: address,
    shown: disputes.Dissection,
    index: uint256,
    proof: Bytes[MAX_PROOF],
    text_root: bytes32,
) -> (bytes32, bool):
    """
    @notice The dispute's id, and whether the step is decided against the worker.
    """
    dispute: disputes.Dispute = disputes.unpack(place, mover)
    id: bytes32 = disputes.get_id(dispute)
    self._check_turn(id, place, dispute.deadline, disputes.get_root(shown))
    first: uint256 = 0
    last: uint256 = 0
    first, last = self._get_part(dispute, index)
    assert last - first == 1, "referee: more than one step"
    start: bytes32 = disputes.get_start(shown, index)
    end: bytes32 = shown.points[index]
    after: bytes32 = self._step(start, text_root, proof)
    is_movers_loss: bool = after == end
    if is_movers_loss:
        assert (
            msg.sender == mover or dispute.last - dispute.first == 1
        ), "referee: the step is right"
    log Proved(dispute=id, step=first, before=start, claimed=end, after=after)
    return id, is_movers_loss == (dispute.turn == disputes.WORKERS)


@internal
@view
def _step(before: bytes32, text_root: bytes32, proof: Bytes[MAX_PROOF]) -> bytes32:
    """
    @notice The state that follows on one, as MachineStep says; its refusal is passed on.
    """
    success: bool = False
    answer: Bytes[100] = b""
    success, answer = raw_call(
        MACHINE_STEP,
        concat(STEP, before, text_root, proof),
        max_outsize=100,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success and len(answer) == 100:
        raw_revert(answer)
    assert success and len(answer) == 32, "referee: no step"
    return extract32(answer, 0)


@internal
def _expose(
    place: disputes.Place,
    mover: address,
    answered: disputes.Dissection,
    shown: disputes.Dissection,
) -> (bytes32, bool):
    """
    @notice The dispute's id, and whether it is the worker's dissection that disputes nothing.
    """
    dispute: disputes.Dispute = disputes.unpack(place, mover)
    id: bytes32 = disputes.get_id(dispute)
    self._check_turn(id, place, dispute.deadline, disputes.get_root(shown))
    assert dispute.turn != disputes.OPENING, "referee: not opened"
    assert disputes.get_root(answered) == shown.before, "referee: not answered"
    last: uint256 = disputes.count_parts(dispute.first, dispute.last) - 1
    assert (
        shown.start != disputes.get_start(answered, shown.part)
        or shown.points[last] == answered.points[shown.part]
    ), "referee: it disputes something"
    is_workers: bool = dispute.turn == disputes.CHALLENGERS
    log Exposed(dispute=id, author=dispute.worker if is_workers else dispute.challenger)
    return id, is_workers


@internal
def _time_out(place: disputes.Place, mover: address, root: bytes32) -> (bytes32, bool):
    """
    @notice The dispute's id, and whether the worker's clock is over.
    """
    dispute: disputes.Dispute = disputes.unpack(place, mover)
    id: bytes32 = disputes.get_id(dispute)
    self._check_position(id, place, root)
    assert block.timestamp > dispute.deadline, "referee: too early"
    log TimedOut(dispute=id, mover=mover)
    return id, dispute.turn != disputes.CHALLENGERS


@internal
def _end(id: bytes32, is_refuted: bool):
    self.disputes_[id] = REFUTED if is_refuted else UPHELD
    log Ruled(dispute=id, is_refuted=is_refuted)


@internal
def _rule(id: bytes32, is_refuted: bool, task: task_lib.Task):
    """
    @notice End a dispute and have the market pay. The market knows no such challenge of another
            task.
    """
    self._end(id, is_refuted)
    if is_refuted:
        extcall MARKET.rule_against_worker(task, id)
    else:
        extcall MARKET.dismiss(task, id)


# ---------------------------------------------------------------------------------------------
#                                  BISECTIONS OF OTHER REFEREES
# ---------------------------------------------------------------------------------------------


@external
def open_bisection(
    key: bytes32,
    worker: address,
    challenger: address,
    text_root: bytes32,
    clocks: terms_lib.Terms,
    start: bytes32,
    points: bytes32[disputes.POINTS],
) -> bytes32:
    """
    @notice Have two parties play a bisection; the caller reads the outcome (commitment_of). It has
            checked the first state and the worker's dissection itself; the challenger moves next.
    @param key The caller's own; once for the same parties and program.
    @param worker Who defends the last state.
    @param clocks Number of steps, clock and extensions; the rest is not read.
    @param start The state at step 0.
    @param points The states at the ends of the parts, as the worker claims them.
    @return The dispute's id.
    """
    assert terms_lib.are_sound(clocks), "referee: unsound terms"
    assert worker != empty(address) and challenger != empty(address), "referee: no party"
    clock: uint256 = convert(clocks.clock, uint256)
    dispute: disputes.Dispute = disputes.Dispute(
        number=self._get_number(msg.sender, key, text_root),
        worker=worker,
        challenger=challenger,
        turn=disputes.WORKERS,
        first=0,
        last=convert(clocks.max_steps, uint256),
        deadline=block.timestamp,
        worker_left=clock,
        challenger_left=clock,
        extension=convert(clocks.extension, uint256),
        last_extension=convert(clocks.last_extension, uint256),
    )
    id: bytes32 = disputes.get_id(dispute)
    assert self.disputes_[id] == empty(bytes32), "referee: number used"
    parts: uint256 = disputes.count_parts(dispute.first, dispute.last)
    place: disputes.Place = disputes.start_turn(
        dispute,
        disputes.CHALLENGERS,
        block.timestamp,
        convert(clocks.first_extension, uint256),
    )
    self.disputes_[id] = disputes.get_commitment(
        place, self._get_first(start, points, parts)
    )
    log BisectionOpened(
        dispute=id,
        opener=msg.sender,
        challenger=challenger,
        worker=worker,
        start=start,
        points=points,
        place=place,
    )
    return id


@external
def prove_bisection(
    place: disputes.Place,
    mover: address,
    shown: disputes.Dissection,
    index: uint256,
    proof: Bytes[MAX_PROOF],
    opener: address,
    key: bytes32,
    text_root: bytes32,
):
    """
    @notice Execute a step of a bisection that another contract opened; else as prove.
    """
    assert place.number == self._get_number(opener, key, text_root), "referee: other bisection"
    id: bytes32 = empty(bytes32)
    is_refuted: bool = False
    id, is_refuted = self._prove(place, mover, shown, index, proof, text_root)
    self._end(id, is_refuted)


@external
def expose_bisection(
    place: disputes.Place,
    mover: address,
    answered: disputes.Dissection,
    shown: disputes.Dissection,
):
    """
    @notice Expose a dissection of a bisection that another contract opened; else as expose.
    """
    assert place.number >= FOREIGN, "referee: of the market"
    id: bytes32 = empty(bytes32)
    is_refuted: bool = False
    id, is_refuted = self._expose(place, mover, answered, shown)
    self._end(id, is_refuted)


@external
def time_out_bisection(place: disputes.Place, mover: address, root: bytes32):
    """
    @notice End a bisection that another contract opened; else as time_out.
    """
    assert place.number >= FOREIGN, "referee: of the market"
    id: bytes32 = empty(bytes32)
    is_refuted: bool = False
    id, is_refuted = self._time_out(place, mover, root)
    self._end(id, is_refuted)


@internal
@pure
def _get_number(opener: address, key: bytes32, text_root: bytes32) -> uint256:
    """
    @notice The number of another contract's bisection, which nobody else can take.
    """
    return FOREIGN | convert(keccak256(abi_encode(opener, key, text_root)), uint256)
