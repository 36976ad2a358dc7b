# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RingerReferee
@license MIT
@notice Rules challenges of searches on evidence alone: a worker must have found the solutions that
        the client had secretly planted, and listed nothing else. No owner, no money: bonds lie in
        the market.
@dev Twin: pekanu.ringers. Of each case one hash is stored; what is known of it is in the calldata of
     the next move. A move is valid while block.timestamp <= deadline, its time-out from the second
     after. A task has one item: its output is the list of solutions, strictly ascending, 32 bytes
     each, and its evidence the hash of the accumulator. Only client and agent challenge, for they
     alone know the ringers; so a worker cannot save half its stake by challenging itself.
"""

from .libraries import accumulator
from .libraries import seal
from .libraries import tasks as task_lib
from .referees import disputes
from .referees import endings
from .referees import searches
from .referees import terms as terms_lib

#: States that BisectionReferee takes for a dissection.
STATES: constant(uint256) = 16

interface Market:
    def states(task_id: bytes32) -> uint256: view
    def open_challenge(
        task: task_lib.Task, claim: task_lib.Claim, challenge: bytes32, challenger: address
    ): payable
    def dismiss(task: task_lib.Task, challenge: bytes32): nonpayable
    def rule_against_worker(task: task_lib.Task, challenge: bytes32): nonpayable

interface BisectionReferee:
    def commitment_of(dispute: bytes32) -> bytes32: view
    def open_bisection(
        key: bytes32,
        worker: address,
        challenger: address,
        text_root: bytes32,
        clocks: terms_lib.Terms,
        start: bytes32,
        points: bytes32[STATES],
    ) -> bytes32: nonpayable

# ---------------------------------------------------------------------------------------------
#                                            CONSTANTS
# ---------------------------------------------------------------------------------------------

# Kinds of challenge.
FAULTY: constant(uint256) = 0  # the list shows its fault by itself; ruled at once
MISSING: constant(uint256) = 1  # a ringer is not in the list
RINGERS: constant(uint256) = 2  # the ringers are to be shown in the accumulator
POINT: constant(uint256) = 3  # a listed point is to be shown in the accumulator
SOLUTION: constant(uint256) = 4  # a listed point's image is to be shown among the targets

# Turns.
ANSWER: constant(uint256) = 1  # the worker owes its answer
DEFENCE: constant(uint256) = 2  # the client owes the defence of an image that the worker contests
PLAY: constant(uint256) = 3  # a bisection is played, where the clocks are

#: Outcomes of a bisection.
UPHELD: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001
REFUTED: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000002
#: What is stored of a case that is over.
OVER: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001
HALTED: constant(uint8) = 1

# ---------------------------------------------------------------------------------------------
#                                             STORAGE
# ---------------------------------------------------------------------------------------------

#: Where the money is, and who plays bisections; in the code, not in storage.
MARKET: immutable(Market)
BISECTION: immutable(BisectionReferee)

#: Slot 0. Each case's hash, or OVER; zero: never seen.
cases: public(HashMap[bytes32, bytes32])

# ---------------------------------------------------------------------------------------------
#                                              EVENTS
# ---------------------------------------------------------------------------------------------

event Asked:  # a challenge stands
    id: indexed(bytes32)
    task_id: indexed(bytes32)
    case: searches.Case
    points: DynArray[uint256, accumulator.MAX_POINTS]
    images: DynArray[bytes32, accumulator.MAX_POINTS]  # of the points, as the client says

event Contested:  # the worker denies a point's image; the client must defend it
    id: indexed(bytes32)
    case: searches.Case
    point: uint256
    image: bytes32

event Defended:  # a run was shown; the other side may dispute it by bisection
    id: indexed(bytes32)
    case: searches.Case

event Proved:  # the worker showed the points in its accumulator
    id: indexed(bytes32)

event Ruled:  # it is over
    id: indexed(bytes32)
    task_id: indexed(bytes32)
    is_refuted: bool


@deploy
def __init__(market: address, bisection: address):
    """
    @param market The market whose challenges it rules.
    @param bisection The BisectionReferee that plays disputes about single points.
    """
    MARKET = Market(market)
    BISECTION = BisectionReferee(bisection)


# ---------------------------------------------------------------------------------------------
#                                   FAULTS THAT THE LIST SHOWS
# ---------------------------------------------------------------------------------------------


@external
def refute_list(
    task: task_lib.Task,
    claim: task_lib.Claim,
    terms: searches.SearchTerms,
    result: seal.Result,
    index: uint256,
    places: DynArray[searches.Place, 2],
):
    """
    @notice Rule against a result that is no list, a list that holds a point outside the domain, or one
            in which two neighbours do not rise. Client or agent.
    @param index Of the first of the places.
    @param places None, one or two that follow on each other, to show the first, second or third.
    """
    assert searches.terms_hash(terms) == task.terms, "ringers: other terms"
    if len(places) == 0:
        assert seal.result_leaf(result) == claim.results_root, "ringers: other result"
        assert not self._is_list(result), "ringers: it is a list"
    else:
        assert (
            index + len(places) <= self._count_points(claim, result)
        ), "ringers: no such place"
        point: uint256 = searches.point_at(result.output_root, index, places[0])
        if len(places) == 1:
            assert point < terms.low or point >= terms.high, "ringers: in the domain"
        else:
            assert (
                searches.point_at(result.output_root, index + 1, places[1]) <= point
            ), "ringers: they rise"
    self._refute(task, claim, result)


@internal
@pure
def _is_list(result: seal.Result) -> bool:
    return (
        result.status == HALTED
        and result.exit_code == 0
        and result.output_size % 32 == 0
        and convert(result.output_size, uint256) <= seal.MAX_OUTPUT
    )


@internal
@pure
def _count_points(claim: task_lib.Claim, result: seal.Result) -> uint256:
    """
    @notice The length of a claim's list.
    """
    assert seal.result_leaf(result) == claim.results_root, "ringers: other result"
    assert self._is_list(result), "ringers: no list"
    return convert(result.output_size, uint256) // 32


@internal
def _refute(task: task_lib.Task, claim: task_lib.Claim, result: seal.Result):
    """
    @notice Open a challenge without a bond and decide it at once.
    """
    case: searches.Case = self._get_case(task, claim, FAULTY)
    case.points = seal.result_leaf(result)
    case.id = searches.case_id(case)
    assert self.cases[case.id] == empty(bytes32), "ringers: asked before"
    extcall MARKET.open_challenge(task, claim, case.id, msg.sender)
    self._rule(case, task, True)


# ---------------------------------------------------------------------------------------------
#                                           CHALLENGES
# ---------------------------------------------------------------------------------------------


@external
@payable
def challenge_missing(
    task: task_lib.Task,
    claim: task_lib.Claim,
    terms: searches.SearchTerms,
    result: seal.Result,
    ringers: DynArray[uint256, accumulator.MAX_POINTS],
    salt: bytes32,
    which: uint256,
    target: searches.Target,
    index: uint256,
    neighbours: DynArray[searches.Place, 2],
):
    """
    @notice Show that a ringer is not in the list. The worker can do nothing but contest its image.
            Client or agent; the value sent is the bond.
    @param which Of the ringers.
    @param target Its image's place among the targets.
    @param index Where it would stand in the list.
    @param neighbours What stands before that place, if anything, and at it, if anything.
    """
    searches.check_ringers(terms, ringers, salt)
    assert which < len(ringers), "ringers: no such ringer"
    searches.check_target(terms, target)
    ringer: uint256 = ringers[which]
    count: uint256 = self._count_points(claim, result)
    assert index <= count, "ringers: no such place"
    is_first: bool = index == 0
    is_last: bool = index == count
    assert (
        len(neighbours) == 2 - convert(is_first, uint256) - convert(is_last, uint256)
    ), "ringers: not its neighbours"
    is_between: bool = True
    if not is_first:
        is_between = searches.point_at(result.output_root, index - 1, neighbours[0]) < ringer
    if not is_last:
        after: uint256 = searches.point_at(
            result.output_root, index, neighbours[len(neighbours) - 1]
        )
        is_between = is_between and after > ringer
    assert is_between, "ringers: not between them"
    images: DynArray[bytes32, accumulator.MAX_POINTS] = [target.image]
    self._ask(task, claim, terms, MISSING, [ringer], images, 0)


@external
@payable
def open_ringers(
    task: task_lib.Task,
    claim: task_lib.Claim,
    terms: searches.SearchTerms,
    ringers: DynArray[uint256, accumulator.MAX_POINTS],
    salt: bytes32,
    targets: DynArray[searches.Target, accumulator.MAX_POINTS],
):
    """
    @notice Have the worker show all ringers in its accumulator. Client or agent; the value sent is the
            bond, which pays for the answer.
    @param targets Each ringer's image among the targets, in their order.
    """
    assert len(ringers) > 0 and len(targets) == len(ringers), "ringers: not an image each"
    searches.check_ringers(terms, ringers, salt)
    images: DynArray[bytes32, accumulator.MAX_POINTS] = []
    for target: searches.Target in targets:
        searches.check_target(terms, target)
        images.append(target.image)
    self._ask(task, claim, terms, RINGERS, ringers, images, 0)


@external
@payable
def challenge_point(
    task: task_lib.Task,
    claim: task_lib.Claim,
    terms: searches.SearchTerms,
    run: terms_lib.Terms,
    result: seal.Result,
    index: uint256,
    place: searches.Place,
    is_solution: bool,
):
    """
    @notice Have the worker show that a listed point is in its accumulator, or a run by which the
            point's image is among the targets. Client or agent; the value sent is the bond.
    @param is_solution Whether the second is asked.
    """
    assert terms_lib.get_hash(run) == terms.run, "ringers: other terms"
    # No bisection can be played under others, and the worker would have no answer.
    assert terms_lib.are_sound(run), "ringers: unsound terms"
    assert index < self._count_points(claim, result), "ringers: no such place"
    point: uint256 = searches.point_at(result.output_root, index, place)
    kind: uint256 = POINT
    extension: uint256 = 0
    if is_solution:
        kind = SOLUTION
        extension = convert(run.first_extension, uint256)
    self._ask(task, claim, terms, kind, [point], [], extension)


@internal
@view
def _get_case(task: task_lib.Task, claim: task_lib.Claim, kind: uint256) -> searches.Case:
    assert task.count == 1, "ringers: not one item"
    assert msg.sender == task.client or msg.sender == task.agent, "ringers: not the client"
    task_id: bytes32 = self._task_id(task)
    return searches.Case(
        id=empty(bytes32),
        task_id=task_id,
        kind=kind,
        turn=ANSWER,
        worker=task_lib.unpack(staticcall MARKET.states(task_id)).worker,
        client=msg.sender,
        deadline=block.timestamp + convert(task.response_window, uint256),
        results_root=claim.results_root,
        points=empty(bytes32),
        images=empty(bytes32),
        bisection=empty(bytes32),
    )


@internal
@payable
def _ask(
    task: task_lib.Task,
    claim: task_lib.Claim,
    terms: searches.SearchTerms,
    kind: uint256,
    points: DynArray[uint256, accumulator.MAX_POINTS],
    images: DynArray[bytes32, accumulator.MAX_POINTS],
    extension: uint256,
):
    """
    @notice Open a challenge that the worker has the response window, and an extension, to answer.
    """
    assert searches.terms_hash(terms) == task.terms, "ringers: other terms"
    assert msg.value >= terms.bond, "ringers: bond too low"
    case: searches.Case = self._get_case(task, claim, kind)
    case.points = accumulator.hash_points(points)
    case.images = keccak256(abi_encode(images))
    case.deadline += extension
    case.id = searches.case_id(case)
    assert self.cases[case.id] == empty(bytes32), "ringers: asked before"
    self.cases[case.id] = searches.case_hash(case)
    log Asked(id=case.id, task_id=case.task_id, case=case, points=points, images=images)
    extcall MARKET.open_challenge(task, claim, case.id, msg.sender, value=msg.value)


# ---------------------------------------------------------------------------------------------
#                                            ANSWERS
# ---------------------------------------------------------------------------------------------


@external
def prove_ringers(
    case: searches.Case,
    task: task_lib.Task,
    result: seal.Result,
    residue: uint256[8],
    points: DynArray[uint256, accumulator.MAX_POINTS],
    proof: accumulator.Proof,
):
    """
    @notice Show the points in question in the accumulator; the bond is the worker's. By anyone.
    @param residue The accumulator.
    """
    self._check_turn(case, ANSWER)
    assert case.kind == RINGERS or case.kind == POINT, "ringers: asked for something else"
    assert case.points == accumulator.hash_points(points), "ringers: other points"
    assert (
        case.results_root == seal.result_leaf(result)
        and result.evidence == accumulator.hash_residue(residue)
    ), "ringers: other accumulator"
    assert accumulator.is_proof(
        case.task_id, residue, points, proof
    ), "ringers: not in the accumulator"
    log Proved(id=case.id)
    self._rule(case, task, False)


@external
def contest(
    case: searches.Case,
    task: task_lib.Task,
    terms: searches.SearchTerms,
    run: terms_lib.Terms,
    points: DynArray[uint256, accumulator.MAX_POINTS],
    images: DynArray[bytes32, accumulator.MAX_POINTS],
    which: uint256,
):
    """
    @notice Deny that a ringer has the image that the client says. The client must defend it or lose
            its bond; if it does, the worker loses. The worker alone.
    """
    self._check_turn(case, ANSWER)
    assert msg.sender == case.worker, "ringers: not the worker"
    assert case.kind == MISSING or case.kind == RINGERS, "ringers: asked for something else"
    assert (
        which < len(points)
        and case.points == accumulator.hash_points(points)
        and case.images == keccak256(abi_encode(images))
    ), "ringers: other points"
    self._check_run(case, task, terms, run)
    contested: searches.Case = case
    contested.turn = DEFENCE
    contested.points = accumulator.hash_points([points[which]])
    contested.images = images[which]
    contested.deadline = (
        block.timestamp
        + convert(task.response_window, uint256)
        + convert(run.first_extension, uint256)
    )
    self.cases[case.id] = searches.case_hash(contested)
    log Contested(id=case.id, case=contested, point=points[which], image=images[which])


@external
def defend(
    case: searches.Case,
    task: task_lib.Task,
    terms: searches.SearchTerms,
    run: terms_lib.Terms,
    program: terms_lib.Program,
    point: uint256,
    target: searches.Target,
    output: Bytes[searches.MAX_IMAGE_OUTPUT],
    ending: endings.Ending,
    states: bytes32[STATES],
):
    """
    @notice Show the run of the program on a point, as the states at the ends of equal parts, and that
            its output has the image in question. Then the other party has it disputed by bisection, or
            lets its clock run out. The client of a contested ringer, the worker of a listed point.
    @dev The first state is derived here, never shown.
    @param target The image; where a listed point is in question, with its place among the targets.
    @param states The last is the final state.
    """
    defender: address = case.client
    attacker: address = case.worker
    if case.kind == SOLUTION:
        self._check_turn(case, ANSWER)
        searches.check_target(terms, target)
        defender = case.worker
        attacker = case.client
    else:
        self._check_turn(case, DEFENCE)
    assert msg.sender == defender, "ringers: not its defender"
    assert (
        case.points == accumulator.hash_points([point])
        and (case.kind == SOLUTION or case.images == target.image)
        and target.image == keccak256(output)
    ), "ringers: other points"
    self._check_run(case, task, terms, run)
    assert terms_lib.get_program_id(program) == run.program_id, "ringers: other program"
    final: bytes32 = states[disputes.count_parts(0, convert(run.max_steps, uint256)) - 1]
    endings.check(
        seal.Result(
            status=HALTED,
            exit_code=0,
            output_root=searches.output_root(output),
            output_size=convert(len(output), uint32),
            evidence=final,
        ),
        ending,
    )
    played: searches.Case = case
    played.turn = PLAY
    played.deadline = 0
    played.bisection = extcall BISECTION.open_bisection(
        case.id,
        defender,
        attacker,
        program.text_root,
        run,
        endings.get_first_root(program, searches.input_root(point)),
        states,
    )
    self.cases[case.id] = searches.case_hash(played)
    log Defended(id=case.id, case=played)


# ---------------------------------------------------------------------------------------------
#                                           RULINGS
# ---------------------------------------------------------------------------------------------


@external
def rule(case: searches.Case, task: task_lib.Task):
    """
    @notice Decide a case in which the party that owed a move let its time run out, or whose bisection
            is over. By anyone.
    """
    assert self.cases[case.id] == searches.case_hash(case), "ringers: other case"
    is_refuted: bool = case.turn == ANSWER
    if case.turn == PLAY:
        outcome: bytes32 = staticcall BISECTION.commitment_of(case.bisection)
        assert outcome == UPHELD or outcome == REFUTED, "ringers: still played"
        # What was defended is the worker's list, or the client's ringer.
        is_refuted = (outcome == REFUTED) == (case.kind == SOLUTION)
    else:
        assert block.timestamp > case.deadline, "ringers: too early"
    self._rule(case, task, is_refuted)


@internal
@view
def _check_turn(case: searches.Case, turn: uint256):
    """
    @notice Refuse a case that stands elsewhere, or whose time is over.
    """
    assert self.cases[case.id] == searches.case_hash(case), "ringers: other case"
    assert case.turn == turn, "ringers: not this move"
    assert block.timestamp <= case.deadline, "ringers: time over"


@internal
@view
def _check_run(
    case: searches.Case,
    task: task_lib.Task,
    terms: searches.SearchTerms,
    run: terms_lib.Terms,
):
    assert self._task_id(task) == case.task_id, "ringers: other task"
    assert (
        searches.terms_hash(terms) == task.terms and terms_lib.get_hash(run) == terms.run
    ), "ringers: other terms"


@internal
def _rule(case: searches.Case, task: task_lib.Task, is_refuted: bool):
    """
    @notice End a case and have the market pay. The market knows no such challenge of another task.
    """
    self.cases[case.id] = OVER
    log Ruled(id=case.id, task_id=case.task_id, is_refuted=is_refuted)
    if is_refuted:
        extcall MARKET.rule_against_worker(task, case.id)
    else:
        extcall MARKET.dismiss(task, case.id)


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
