# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Market
@license MIT
@notice Escrow for deterministic computation between a client and a worker that do not trust each
        other: the life of a task, sealed delivery, and a ledger of everybody's free money. No owner,
        no fee, no upgrade.
@dev Twin: pekanu.market.lifecycle. A task is a struct in calldata; the contract keeps its state in
     one word, its claim's hash in a second, and a third from the first demand for chunks on. An
     action is valid while block.timestamp <= deadline, its time-out from the second after. Money
     leaves by withdraw alone.
"""

from .libraries import pedersen
from .libraries import signatures
from .libraries import tasks as task_lib

#: What the market asks SealCheck; both read the evidence, the market only carries it.
interface SealCheck:
    def count_chunks(
        results_root: bytes32,
        items: uint256,
        item: uint256,
        evidence: Bytes[MAX_RESULT_EVIDENCE],
    ) -> uint256: view
    def get_supplied(
        claim: task_lib.Claim,
        items: uint256,
        item: uint256,
        start: uint256,
        count: uint256,
        evidence: Bytes[MAX_SUPPLY_EVIDENCE],
    ) -> uint256: view
    def is_wrong(
        task_id: bytes32,
        claim: task_lib.Claim,
        items: uint256,
        evidence: Bytes[MAX_COMPLAINT_EVIDENCE],
    ) -> bool: view

# ---------------------------------------------------------------------------------------------
#                                            CONSTANTS
# ---------------------------------------------------------------------------------------------

#: Shortest and longest window, in seconds: a minute; thirty days.
MIN_WINDOW: constant(uint256) = 60
MAX_WINDOW: constant(uint256) = 2592000
#: No sum of money in a task is larger, so that no sum of them overflows.
MAX_MONEY: constant(uint256) = 2**96 - 1
#: Chunks that one demand can name; they lie in one group of as many.
MAX_DEMAND: constant(uint256) = 32
#: Bytes of evidence that SealCheck can need: a result with its path; four cells with their blocks;
#: a chunk and two cells.
MAX_RESULT_EVIDENCE: constant(uint256) = 2048
MAX_SUPPLY_EVIDENCE: constant(uint256) = 16384
MAX_COMPLAINT_EVIDENCE: constant(uint256) = 8192
#: Chunks of the largest output.
MAX_CHUNKS: constant(uint256) = 65536
#: What stands in the place of a challenge that is over: nobody's.
CLOSED: constant(uint256) = MAX_MONEY << 160
#: Open challenges of one kind on one task.
MAX_CHALLENGES: constant(uint256) = 65535
#: Bytes of an announced endpoint.
MAX_ENDPOINT: constant(uint256) = 256

# Statuses. The first four are live, the others terminal and never left.
OPEN: constant(uint256) = 1  # offered; the deadline is in the task
ACCEPTED: constant(uint256) = 2  # the worker must deliver by the deadline
DELIVERED: constant(uint256) = 3  # the client can object until the deadline
DEMANDED: constant(uint256) = 4  # the worker must answer a demand by the deadline
CANCELLED: constant(uint256) = 5  # price back to the client
EXPIRED: constant(uint256) = 6  # not delivered: price and stake to the client
SETTLED: constant(uint256) = 7  # price and stake to the worker
FORFEITED: constant(uint256) = 8  # demand unanswered or seal wrong: price and stake to the client
REFUTED: constant(uint256) = 9  # the referee ruled: price to the client, stake in halves
RESOLVED: constant(uint256) = 10  # split as both agreed

# Flags.
KEY_DEMANDED: constant(uint256) = 1  # the key was demanded; once a task
KEY_OPEN: constant(uint256) = 2  # the open demand is for the key, not for chunks
STAKE_WAITS: constant(uint256) = 4  # price moved, stake waits for others' challenges
STAKE_LOST: constant(uint256) = 8  # the stake that waited went to a challenger

# ---------------------------------------------------------------------------------------------
#                                             STORAGE
# ---------------------------------------------------------------------------------------------

#: Reads evidence about seals; in the code, not in storage.
SEAL_CHECK: immutable(SealCheck)

#: Slot 0. Free money of each account, in wei.
ledger: public(HashMap[address, uint256])
#: Slot 1. Each task's state, packed (libraries/tasks.vy, State); zero: never seen.
states: public(HashMap[bytes32, uint256])
#: Slot 2. Hash of each delivered claim.
claims: public(HashMap[bytes32, bytes32])
#: Slot 3. The last demand for chunks: cursor (bits 0-63: item * 2048 + group + 1), first chunk
#: (64-79), number of chunks (80-87; zero: none open), bitmap of those supplied (96-127).
demands: public(HashMap[bytes32, uint256])
#: Slot 4. Each open challenge by task and the referee's own number: challenger (bits 0-159) and
#: bond (160-255).
challenges: public(HashMap[bytes32, HashMap[bytes32, uint256]])

# ---------------------------------------------------------------------------------------------
#                                              EVENTS
# ---------------------------------------------------------------------------------------------

event Deposited:  # money came into the ledger
    account: indexed(address)
    amount: uint256

event Withdrawn:  # money left the contract
    account: indexed(address)
    amount: uint256

event Announced:  # somebody offers services; an empty endpoint retracts
    account: indexed(address)
    role: indexed(uint8)
    endpoint: String[MAX_ENDPOINT]
    channel_key: bytes32
    terms_hash: bytes32

event Posted:  # a task is offered
    task_id: indexed(bytes32)
    client: indexed(address)
    task: task_lib.Task

event Accepted:  # a worker is bound
    task_id: indexed(bytes32)
    client: indexed(address)
    worker: indexed(address)
    task: task_lib.Task

event Cancelled:  # an offer was taken back
    task_id: indexed(bytes32)

event Expired:  # the worker did not deliver
    task_id: indexed(bytes32)

event Delivered:  # a claim stands
    task_id: indexed(bytes32)
    worker: indexed(address)
    claim: task_lib.Claim

event Settled:  # the worker was paid
    task_id: indexed(bytes32)
    worker: indexed(address)
    claim_hash: bytes32

event KeyDemanded:  # the worker must open its commitment
    task_id: indexed(bytes32)

event KeyRevealed:  # it did
    task_id: indexed(bytes32)
    key: uint256
    blinding: uint256

event ChunksDemanded:  # the worker must publish ciphertext
    task_id: indexed(bytes32)
    item: uint256
    first: uint256
    count: uint256

event ChunksSupplied:  # chunks of ciphertext, with the item's result (SealCheck says how to read it)
    task_id: indexed(bytes32)
    item: uint256
    evidence: Bytes[MAX_SUPPLY_EVIDENCE]

event ChunksAnswered:  # a demand for chunks is met
    task_id: indexed(bytes32)

event Complained:  # a place of the seal was shown to be wrong
    task_id: indexed(bytes32)

event Forfeited:  # price and stake went to the client
    task_id: indexed(bytes32)

event Resolved:  # both agreed on a split
    task_id: indexed(bytes32)
    to_client: uint256

event ChallengeOpened:  # the referee admitted a challenge
    task_id: indexed(bytes32)
    challenge: indexed(bytes32)
    challenger: indexed(address)
    bond: uint256

event ChallengeDismissed:  # it was ruled for the worker, which got the bond
    task_id: indexed(bytes32)
    challenge: indexed(bytes32)

event ChallengeClosed:  # the task ended before it was ruled
    task_id: indexed(bytes32)
    challenge: indexed(bytes32)
    bond_to: address

event Refuted:  # it was ruled against the worker
    task_id: indexed(bytes32)
    challenge: indexed(bytes32)
    challenger: indexed(address)

event StakeReleased:  # the stake that waited went back to the worker
    task_id: indexed(bytes32)


@deploy
def __init__(seal_check: address):
    """
    @param seal_check The SealCheck contract, which has no state and no owner.
    """
    SEAL_CHECK = SealCheck(seal_check)


@external
@view
def seal_check() -> address:
    """
    @notice The contract that reads evidence about seals.
    """
    return SEAL_CHECK.address


# ---------------------------------------------------------------------------------------------
#                                              LEDGER
# ---------------------------------------------------------------------------------------------


@external
@payable
def deposit():
    """
    @notice Put money into the caller's ledger balance.
    """
    self.ledger[msg.sender] += msg.value
    log Deposited(account=msg.sender, amount=msg.value)


@external
def withdraw(amount: uint256):
    """
    @notice Take free money out, to the caller.
    """
    assert self.ledger[msg.sender] >= amount, "market: balance too low"
    self.ledger[msg.sender] -= amount
    log Withdrawn(account=msg.sender, amount=amount)
    raw_call(msg.sender, b"", value=amount)


@internal
@payable
def _take(amount: uint256):
    """
    @notice Collect money from the caller: from the value sent first, then from its balance; what
            was sent beyond the amount is credited.
    """
    if msg.value == amount:
        return
    if msg.value > amount:
        self.ledger[msg.sender] += msg.value - amount
    else:
        self._debit(msg.sender, amount - msg.value)


@internal
def _debit(account: address, amount: uint256):
    """
    @notice Collect money from a ledger balance.
    """
    if amount > 0:
        assert self.ledger[account] >= amount, "market: balance too low"
        self.ledger[account] -= amount


@internal
def _credit(account: address, amount: uint256):
    """
    @notice Put money into a ledger balance; nothing touches no slot.
    """
    if amount > 0:
        self.ledger[account] += amount


# ---------------------------------------------------------------------------------------------
#                                           ANNOUNCEMENTS
# ---------------------------------------------------------------------------------------------


@external
def announce(
    role: uint8, endpoint: String[MAX_ENDPOINT], channel_key: bytes32, terms_hash: bytes32
):
    """
    @notice Say where the caller can be reached and what it offers; an empty endpoint retracts.
    @param role 1 worker, 2 storage provider.
    """
    log Announced(
        account=msg.sender,
        role=role,
        endpoint=endpoint,
        channel_key=channel_key,
        terms_hash=terms_hash,
    )


# ---------------------------------------------------------------------------------------------
#                                       READING AND CHECKING
# ---------------------------------------------------------------------------------------------


@external
@view
def task_id(task: task_lib.Task) -> bytes32:
    """
    @notice A task's identity: its EIP-712 digest.
    """
    return task_lib.digest(task_lib.struct_hash(task))


@external
@view
def state_of(task_id: bytes32) -> task_lib.State:
    """
    @notice A task's state, unpacked.
    """
    return task_lib.unpack(self.states[task_id])


@internal
@view
def _load(task: task_lib.Task) -> (bytes32, task_lib.State):
    id: bytes32 = task_lib.digest(task_lib.struct_hash(task))
    return id, task_lib.unpack(self.states[id])


@internal
@view
def _load_claimed(
    task: task_lib.Task, claim: task_lib.Claim
) -> (bytes32, task_lib.State):
    """
    @notice A delivered task's state, with its claim checked.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load(task)
    assert state.status in [DELIVERED, DEMANDED], "market: not delivered"
    assert self.claims[id] == task_lib.claim_hash(id, state.worker, claim), "market: other claim"
    return id, state


@internal
def _store(id: bytes32, state: task_lib.State):
    self.states[id] = task_lib.pack(state)


@internal
@view
def _check_new(id: bytes32, task: task_lib.Task):
    """
    @notice Refuse a task that was seen before, or whose terms no honest party can live with.
    """
    assert msg.sender == task.client, "market: not the client"
    assert self.states[id] == 0, "market: task used"
    assert task.count > 0, "market: no items"
    assert (
        task.price <= MAX_MONEY and task.stake <= MAX_MONEY and task.chunk_fee <= MAX_MONEY
    ), "market: too much money"
    for window: uint32 in [task.compute_window, task.audit_window, task.response_window]:
        seconds: uint256 = convert(window, uint256)
        assert seconds >= MIN_WINDOW and seconds <= MAX_WINDOW, "market: window out of bounds"
    assert block.timestamp <= convert(task.offered_until, uint256), "market: offer over"


@internal
@view
def _is_client(task: task_lib.Task, who: address) -> bool:
    """
    @notice Whether `who` speaks for the client.
    """
    return who == task.client or (who == task.agent and who != empty(address))


@internal
@pure
def _is_auditing(state: task_lib.State, now: uint256) -> bool:
    """
    @notice Whether the client can still object. While a demand is open it can, since the audit goes
            on after the answer.
    """
    return state.status == DEMANDED or (state.status == DELIVERED and now <= state.deadline)


# ---------------------------------------------------------------------------------------------
#                                      OFFER AND ACCEPTANCE
# ---------------------------------------------------------------------------------------------


@external
@payable
def post(task: task_lib.Task):
    """
    @notice Offer a task to everybody. Locks the price.
    """
    id: bytes32 = task_lib.digest(task_lib.struct_hash(task))
    self._check_new(id, task)
    self.states[id] = OPEN
    self._take(task.price)
    log Posted(task_id=id, client=task.client, task=task)


@external
@payable
def post_accepted(
    task: task_lib.Task,
    worker: address,
    expiry: uint64,
    signature: Bytes[signatures.MAX_SIGNATURE],
):
    """
    @notice Bind a worker that has signed its acceptance of exactly this task. Locks the price, and
            the stake from the worker's ledger balance.
    @param expiry Last second at which the acceptance holds.
    """
    hashed: bytes32 = task_lib.struct_hash(task)
    id: bytes32 = task_lib.digest(hashed)
    self._check_new(id, task)
    assert block.timestamp <= convert(expiry, uint256), "market: acceptance over"
    assert worker != empty(address), "market: no worker"
    assert signatures.is_signed_by(
        worker, task_lib.acceptance_digest(hashed, worker, expiry), signature
    ), "market: worker did not sign"
    self._bind(id, task, worker)
    self._take(task.price)
    self._debit(worker, task.stake)
    log Accepted(task_id=id, client=task.client, worker=worker, task=task)


@external
@payable
def accept(task: task_lib.Task):
    """
    @notice Become the worker of an offered task. Locks the stake.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load(task)
    assert state.status == OPEN, "market: not open"
    assert block.timestamp <= convert(task.offered_until, uint256), "market: offer over"
    self._bind(id, task, msg.sender)
    self._take(task.stake)
    log Accepted(task_id=id, client=task.client, worker=msg.sender, task=task)


@internal
def _bind(id: bytes32, task: task_lib.Task, worker: address):
    state: task_lib.State = empty(task_lib.State)
    state.status = ACCEPTED
    state.worker = worker
    state.deadline = block.timestamp + convert(task.compute_window, uint256)
    self._store(id, state)


@external
def cancel(task: task_lib.Task):
    """
    @notice Take back an offer that nobody accepted. The price returns.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load(task)
    assert msg.sender == task.client, "market: not the client"
    assert state.status == OPEN, "market: not open"
    self.states[id] = CANCELLED
    self._credit(task.client, task.price)
    log Cancelled(task_id=id)


@external
def expire(task: task_lib.Task):
    """
    @notice End a task whose worker did not deliver in time. Price and stake go to the client.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load(task)
    assert state.status == ACCEPTED, "market: not accepted"
    assert block.timestamp > state.deadline, "market: too early"
    state.status = EXPIRED
    self._store(id, state)
    self._credit(task.client, task.price + task.stake)
    log Expired(task_id=id)


# ---------------------------------------------------------------------------------------------
#                                      DELIVERY AND PAYMENT
# ---------------------------------------------------------------------------------------------


@external
def deliver(task: task_lib.Task, claim: task_lib.Claim):
    """
    @notice State what the worker asserts and is paid, or slashed, for. Starts the audit.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load(task)
    assert state.status == ACCEPTED, "market: not accepted"
    assert msg.sender == state.worker, "market: not the worker"
    assert block.timestamp <= state.deadline, "market: deadline over"
    self.claims[id] = task_lib.claim_hash(id, state.worker, claim)
    state.status = DELIVERED
    state.deadline = block.timestamp + convert(task.audit_window, uint256)
    self._store(id, state)
    log Delivered(task_id=id, worker=state.worker, claim=claim)


@external
def settle(
    task: task_lib.Task,
    claim: task_lib.Claim,
    signature: Bytes[signatures.MAX_SIGNATURE],
):
    """
    @notice Pay the worker on the client's signed approval of a claim, delivered here or not.
    """
    hashed: bytes32 = task_lib.struct_hash(task)
    id: bytes32 = task_lib.digest(hashed)
    state: task_lib.State = task_lib.unpack(self.states[id])
    assert state.status in [ACCEPTED, DELIVERED, DEMANDED], "market: not live"
    hashed_claim: bytes32 = task_lib.claim_hash(id, state.worker, claim)
    assert signatures.is_signed_by(
        task.client, task_lib.approval_digest(hashed, hashed_claim), signature
    ), "market: client did not sign"
    self._settle(id, task, state, hashed_claim)


@external
def approve(task: task_lib.Task, claim: task_lib.Claim):
    """
    @notice Pay the worker for the delivered claim, by the client itself.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert msg.sender == task.client, "market: not the client"
    self._settle(id, task, state, self.claims[id])


@external
def finalize(task: task_lib.Task, claim: task_lib.Claim):
    """
    @notice Pay the worker after an audit in which nothing was found.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert state.status == DELIVERED, "market: demand open"
    assert block.timestamp > state.deadline, "market: too early"
    assert state.client_challenges + state.other_challenges == 0, "market: challenged"
    self._settle(id, task, state, self.claims[id])


@internal
def _settle(id: bytes32, task: task_lib.Task, state: task_lib.State, hashed_claim: bytes32):
    """
    @notice Price to the worker, and the stake unless others' challenges hold it. The client's own
            demand and challenges end.
    """
    to_worker: uint256 = task.price
    to_client: uint256 = 0
    if state.status == DEMANDED:
        earned: uint256 = 0
        unearned: uint256 = 0
        earned, unearned = self._split_fees(id, task, state)
        to_worker += earned
        to_client = unearned
    self._end_agreed(id, task, state, SETTLED, to_client, to_worker)
    log Settled(task_id=id, worker=state.worker, claim_hash=hashed_claim)


@internal
def _end_agreed(
    id: bytes32,
    task: task_lib.Task,
    state: task_lib.State,
    status: uint256,
    to_client: uint256,
    to_worker: uint256,
):
    """
    @notice End a task that its client has agreed to, or let pass. The stake returns, or waits while
            others' challenges are open, so that client and worker cannot bait a challenger.
    """
    ended: task_lib.State = state
    ended.status = status
    ended.client_challenges = 0
    stake: uint256 = task.stake
    if state.other_challenges > 0:
        ended.flags |= STAKE_WAITS
        stake = 0
    self._store(id, ended)
    self._credit(state.worker, to_worker + stake)
    self._credit(task.client, to_client)


@internal
@view
def _split_fees(
    id: bytes32, task: task_lib.Task, state: task_lib.State
) -> (uint256, uint256):
    """
    @notice The fees of an open demand: what the worker has earned by the chunks that it supplied,
            and what it has not.
    """
    if (state.flags & KEY_OPEN) != 0:
        return 0, 0
    demand: uint256 = self.demands[id]
    supplied: uint256 = 0
    for k: uint256 in range(MAX_DEMAND):
        supplied += (demand >> (96 + k)) & 1
    count: uint256 = (demand >> 80) & 255
    return supplied * task.chunk_fee, (count - supplied) * task.chunk_fee


@external
def resolve(
    task: task_lib.Task,
    to_client: uint256,
    client_signature: Bytes[signatures.MAX_SIGNATURE],
    worker_signature: Bytes[signatures.MAX_SIGNATURE],
):
    """
    @notice Split the price as both parties signed. The stake returns.
    """
    hashed: bytes32 = task_lib.struct_hash(task)
    id: bytes32 = task_lib.digest(hashed)
    state: task_lib.State = task_lib.unpack(self.states[id])
    assert state.status in [ACCEPTED, DELIVERED, DEMANDED], "market: not live"
    assert to_client <= task.price, "market: more than the price"
    digest: bytes32 = task_lib.resolution_digest(hashed, to_client)
    assert signatures.is_signed_by(
        task.client, digest, client_signature
    ), "market: client did not sign"
    assert signatures.is_signed_by(
        state.worker, digest, worker_signature
    ), "market: worker did not sign"
    fees: uint256 = 0
    earned: uint256 = 0
    if state.status == DEMANDED:
        earned, fees = self._split_fees(id, task, state)
    self._end_agreed(
        id, task, state, RESOLVED, to_client + fees, task.price - to_client + earned
    )
    log Resolved(task_id=id, to_client=to_client)


# ---------------------------------------------------------------------------------------------
#                                     DEMANDS AND COMPLAINTS
# ---------------------------------------------------------------------------------------------


@external
def demand_key(task: task_lib.Task, claim: task_lib.Claim):
    """
    @notice Make the worker open its key on chain, or forfeit. Client or agent, once a task.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    self._check_may_demand(task, state)
    assert (state.flags & KEY_DEMANDED) == 0, "market: demanded before"
    state.flags |= KEY_DEMANDED | KEY_OPEN
    self._open_demand(id, task, state)
    log KeyDemanded(task_id=id)


@external
def reveal_key(task: task_lib.Task, claim: task_lib.Claim, key: uint256, blinding: uint256):
    """
    @notice Answer a demand for the key. By anyone who can.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert (
        state.status == DEMANDED and (state.flags & KEY_OPEN) != 0
    ), "market: key not demanded"
    assert block.timestamp <= state.deadline, "market: deadline over"
    assert pedersen.is_opening(claim.key_x, claim.key_y, key, blinding), "market: wrong key"
    state.flags ^= KEY_OPEN
    self._close_demand(id, task, state)
    log KeyRevealed(task_id=id, key=key, blinding=blinding)


@external
@payable
def demand_chunks(
    task: task_lib.Task,
    claim: task_lib.Claim,
    item: uint256,
    first: uint256,
    count: uint256,
    evidence: Bytes[MAX_RESULT_EVIDENCE],
):
    """
    @notice Make the worker publish chunks of an item's ciphertext, or forfeit. Client or agent; the
            fees are paid by the caller, and return to the client where they return.
    @dev Groups of 32 chunks are demanded in rising order of (item, group), each once: one cursor
         bounds how often and how long a client can demand.
    @param count Chunks from `first` on, all in one group.
    @param evidence The item's result with its path, from the second group on; the first group is
           demanded without, by a client that was told nothing.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    self._check_may_demand(task, state)
    items: uint256 = convert(task.count, uint256)
    assert item < items, "market: no such item"
    assert count > 0 and count <= MAX_DEMAND and first < MAX_CHUNKS, "market: no such chunks"
    group: uint256 = first // MAX_DEMAND
    assert (first + count - 1) // MAX_DEMAND == group, "market: more than one group"
    if group > 0:
        chunks: uint256 = staticcall SEAL_CHECK.count_chunks(
            claim.results_root, items, item, evidence
        )
        assert first + count <= chunks, "market: no such chunks"
    cursor: uint256 = item * (MAX_CHUNKS // MAX_DEMAND) + group + 1
    assert cursor > self.demands[id] & convert(max_value(uint64), uint256), "market: demanded before"
    self.demands[id] = cursor | (first << 64) | (count << 80)
    self._open_demand(id, task, state)
    self._take(task.chunk_fee * count)
    log ChunksDemanded(task_id=id, item=item, first=first, count=count)


@external
def supply_chunks(
    task: task_lib.Task, claim: task_lib.Claim, evidence: Bytes[MAX_SUPPLY_EVIDENCE]
):
    """
    @notice Answer a demand for chunks, in as many transactions as it takes. By anyone who can. The
            evidence opens the result too, which says which of the demanded chunks do not exist.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert (
        state.status == DEMANDED and (state.flags & KEY_OPEN) == 0
    ), "market: chunks not demanded"
    assert block.timestamp <= state.deadline, "market: deadline over"
    demand: uint256 = self.demands[id]
    cursor: uint256 = demand & convert(max_value(uint64), uint256)
    item: uint256 = (cursor - 1) // (MAX_CHUNKS // MAX_DEMAND)
    count: uint256 = (demand >> 80) & 255
    supplied: uint256 = staticcall SEAL_CHECK.get_supplied(
        claim, convert(task.count, uint256), item, (demand >> 64) & 65535, count, evidence
    )
    supplied |= demand >> 96
    log ChunksSupplied(task_id=id, item=item, evidence=evidence)
    if supplied == (1 << count) - 1:
        self.demands[id] = cursor
        self._close_demand(id, task, state)
        self._credit(state.worker, task.chunk_fee * count)
        log ChunksAnswered(task_id=id)
    else:
        self.demands[id] = demand | (supplied << 96)


@external
def complain(
    task: task_lib.Task, claim: task_lib.Claim, evidence: Bytes[MAX_COMPLAINT_EVIDENCE]
):
    """
    @notice Show one place where the seal, opened by its key, is wrong. Client or agent, during the
            audit. Price and stake go to the client.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert self._is_client(task, msg.sender), "market: not the client"
    assert self._is_auditing(state, block.timestamp), "market: deadline over"
    assert staticcall SEAL_CHECK.is_wrong(
        id, claim, convert(task.count, uint256), evidence
    ), "market: nothing wrong there"
    self._end_against_worker(id, task, state, FORFEITED, task.price + task.stake)
    log Complained(task_id=id)
    log Forfeited(task_id=id)


@external
def forfeit(task: task_lib.Task, claim: task_lib.Claim):
    """
    @notice End a task whose worker did not answer a demand in time. By anyone. Price, stake and the
            demand's fees go to the client.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert state.status == DEMANDED, "market: nothing demanded"
    assert block.timestamp > state.deadline, "market: too early"
    self._end_against_worker(id, task, state, FORFEITED, task.price + task.stake)
    log Forfeited(task_id=id)


@internal
@view
def _check_may_demand(task: task_lib.Task, state: task_lib.State):
    assert self._is_client(task, msg.sender), "market: not the client"
    assert state.status == DELIVERED, "market: demand open"
    assert block.timestamp <= state.deadline, "market: deadline over"


@internal
def _open_demand(id: bytes32, task: task_lib.Task, state: task_lib.State):
    demanded: task_lib.State = state
    demanded.status = DEMANDED
    demanded.deadline = block.timestamp + convert(task.response_window, uint256)
    self._store(id, demanded)


@internal
def _close_demand(id: bytes32, task: task_lib.Task, state: task_lib.State):
    """
    @notice Go back to the audit, with a whole window from now on.
    @dev The audit's former end is never later: it was at most a window after an earlier moment.
    """
    delivered: task_lib.State = state
    delivered.status = DELIVERED
    delivered.deadline = block.timestamp + convert(task.audit_window, uint256)
    self._store(id, delivered)


@internal
def _end_against_worker(
    id: bytes32, task: task_lib.Task, state: task_lib.State, status: uint256, to_client: uint256
):
    """
    @notice End a task against its worker; the fees of an open demand return with what the client
            gets. Challenges close by close_challenge.
    """
    fees: uint256 = 0
    if state.status == DEMANDED and (state.flags & KEY_OPEN) == 0:
        fees = ((self.demands[id] >> 80) & 255) * task.chunk_fee
    ended: task_lib.State = state
    ended.status = status
    ended.client_challenges = 0
    ended.other_challenges = 0
    self._store(id, ended)
    self._credit(task.client, to_client + fees)


# ---------------------------------------------------------------------------------------------
#                                           CHALLENGES
# ---------------------------------------------------------------------------------------------


@external
@payable
def open_challenge(
    task: task_lib.Task, claim: task_lib.Claim, challenge: bytes32, challenger: address
):
    """
    @notice Count a challenge in. The task's referee alone; the bond is the value it sends, so that
            no referee can reach into anybody's balance.
    @param challenge The referee's own number for it, once a task.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load_claimed(task, claim)
    assert msg.sender == task.referee, "market: not the referee"
    assert self._is_auditing(state, block.timestamp), "market: deadline over"
    assert challenger != empty(address), "market: no challenger"
    assert self.challenges[id][challenge] == 0, "market: challenge used"
    assert msg.value <= MAX_MONEY, "market: too much money"
    if self._is_client(task, challenger):
        assert state.client_challenges < MAX_CHALLENGES, "market: too many challenges"
        state.client_challenges += 1
    else:
        assert state.other_challenges < MAX_CHALLENGES, "market: too many challenges"
        state.other_challenges += 1
    self.challenges[id][challenge] = convert(challenger, uint256) | (msg.value << 160)
    self._store(id, state)
    log ChallengeOpened(
        task_id=id, challenge=challenge, challenger=challenger, bond=msg.value
    )


@external
def dismiss(task: task_lib.Task, challenge: bytes32):
    """
    @notice Rule a challenge for the worker, which gets the bond. The task's referee alone.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    challenger: address = empty(address)
    bond: uint256 = 0
    id, state = self._load(task)
    challenger, bond = self._load_challenge(id, task, state, challenge)
    self.challenges[id][challenge] = CLOSED
    if self._is_client(task, challenger):
        state.client_challenges -= 1
    else:
        state.other_challenges -= 1
    stake: uint256 = 0
    if (state.flags & STAKE_WAITS) != 0 and state.other_challenges == 0:
        state.flags ^= STAKE_WAITS
        stake = task.stake
        log StakeReleased(task_id=id)
    self._store(id, state)
    self._credit(state.worker, bond + stake)
    log ChallengeDismissed(task_id=id, challenge=challenge)


@external
def rule_against_worker(task: task_lib.Task, challenge: bytes32):
    """
    @notice Rule a challenge against the worker: half the stake to the challenger with its bond, the
            rest to the client with the price, unless the price has moved. The task's referee alone.
    @dev The odd wei of the stake goes to the client. An agent's half goes to its client.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    challenger: address = empty(address)
    bond: uint256 = 0
    id, state = self._load(task)
    challenger, bond = self._load_challenge(id, task, state, challenge)
    self.challenges[id][challenge] = 0  # none can be opened any more
    half: uint256 = task.stake // 2
    if (state.flags & STAKE_WAITS) != 0:
        state.flags = (state.flags ^ STAKE_WAITS) | STAKE_LOST
        state.other_challenges = 0
        self._store(id, state)
        self._credit(task.client, task.stake - half)
    else:
        self._end_against_worker(id, task, state, REFUTED, task.price + task.stake - half)
    if self._is_client(task, challenger):
        self._credit(task.client, half)
        self._credit(challenger, bond)
    else:
        self._credit(challenger, half + bond)
    log Refuted(task_id=id, challenge=challenge, challenger=challenger)


@external
def close_challenge(task: task_lib.Task, challenge: bytes32):
    """
    @notice Return, or hand over, the bond of a challenge that the task's end has overtaken. By
            anyone. A bond returns when the worker lost or both parties resolved; the client's own,
            after it has approved, goes to the worker.
    """
    id: bytes32 = empty(bytes32)
    state: task_lib.State = empty(task_lib.State)
    id, state = self._load(task)
    word: uint256 = self.challenges[id][challenge]
    challenger: address = self._challenger(word)
    assert challenger != empty(address), "market: no such challenge"
    to: address = challenger
    if state.status == SETTLED and self._is_client(task, challenger):
        to = state.worker
    else:
        assert (
            state.status in [FORFEITED, REFUTED]
            or (state.flags & STAKE_LOST) != 0
            or (state.status == RESOLVED and self._is_client(task, challenger))
        ), "market: challenge open"
    self.challenges[id][challenge] = CLOSED
    self._credit(to, word >> 160)
    log ChallengeClosed(task_id=id, challenge=challenge, bond_to=to)


@internal
@pure
def _challenger(word: uint256) -> address:
    return convert(word & convert(max_value(uint160), uint256), address)


@internal
@view
def _load_challenge(
    id: bytes32, task: task_lib.Task, state: task_lib.State, challenge: bytes32
) -> (address, uint256):
    """
    @notice An open challenge of the calling referee: who opened it, and its bond.
    """
    assert msg.sender == task.referee, "market: not the referee"
    word: uint256 = self.challenges[id][challenge]
    challenger: address = self._challenger(word)
    assert challenger != empty(address), "market: no such challenge"
    if (state.flags & STAKE_WAITS) != 0:
        assert not self._is_client(task, challenger), "market: challenge closed"
    else:
        assert state.status in [DELIVERED, DEMANDED], "market: challenge closed"
    return challenger, word >> 160
