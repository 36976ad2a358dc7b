# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StorageServer
@license MIT
@notice One provider's storage: its deposit, the clients it has registered, and the life of each
        agreement from the payment to the end of the term or the fine. The provider can register
        clients and take out what nothing reserves, and nothing else; no fee, no upgrade.
@dev Twin: pekanu.storage.lifecycle. A quote is a struct in calldata; the contract keeps an
     agreement's state in one word. An action is valid while block.timestamp <= deadline, its
     time-out from the second after. Money leaves by withdraw alone, but for what reclaim burns.
"""

from .libraries import agreements
from .libraries import chunk_trees
from .libraries import signatures

initializes: agreements

# ---------------------------------------------------------------------------------------------
#                                            CONSTANTS
# ---------------------------------------------------------------------------------------------

#: Shortest and longest window, in seconds: a minute; thirty days.
MIN_WINDOW: constant(uint256) = 60
MAX_WINDOW: constant(uint256) = 2592000
#: Longest term, and how far ahead a renewal can begin, in seconds: ten years.
MAX_TERM: constant(uint256) = 315360000
#: No sum of money in an agreement is larger, so that no sum of them overflows.
MAX_MONEY: constant(uint256) = 2**96 - 1
#: The price is at least so many times the reservation fee.
FEE_DIVISOR: constant(uint256) = 100
#: Leaves that one challenge can name: 256 KiB.
MAX_RANGE: constant(uint256) = 1024
#: Quotes in one call to collect, receipts in one call to confirm_many.
MAX_BATCH: constant(uint256) = 32
#: Bytes of a link pointer, sealed to the client.
MAX_LINK: constant(uint256) = 512
#: What an answer costs at most, in gas: each transaction, of up to 32 leaves, and each leaf.
ANSWER_GAS: constant(uint256) = 65000
LEAF_GAS: constant(uint256) = 11000
#: Base fee that a challenge pays at least, in wei: where blocks are free, bytes are not.
MIN_BASE_FEE: constant(uint256) = 10**9
#: A challenge's fee is kept in gwei.
FEE_UNIT: constant(uint256) = 10**9
MAX_FEE: constant(uint256) = 2**40 - 1

# Statuses. The first three are live, the others terminal and never left.
PAID: constant(uint256) = 1  # escrowed; the receipt can be shown until the deadline
STORED: constant(uint256) = 2  # the provider answers for the bytes and is paid by the second
CHALLENGED: constant(uint256) = 3  # the provider must answer by the deadline; nothing vests
ENDED: constant(uint256) = 4  # the term is over and all is paid
FINED: constant(uint256) = 5  # penalty to the client; vesting stopped a response window before
# the deadline, and what had vested can still be collected
RECLAIMED: constant(uint256) = 6  # no receipt in time; payment back, reservation fee burned
GIVEN_BACK: constant(uint256) = 7  # ended early by the client, which got the rest back

#: A receipt among many; the rest of it is the quote's.
struct Confirmation:
    agreement_id: bytes32
    link_hash: bytes32
    r: bytes32  # the provider's signature on the receipt
    vs: bytes32

# ---------------------------------------------------------------------------------------------
#                                             STORAGE
# ---------------------------------------------------------------------------------------------

#: Signs quotes and receipts with its account's key; in the code, not in storage.
PROVIDER: immutable(address)
#: The registry from which clients' contracts come; in the code, not in storage.
FACTORY: immutable(address)

#: Slot 0. The provider's free money, in wei: deposit, income, and what no agreement reserves.
free: public(uint256)
#: Slot 1. Each agreement's state, packed (libraries/agreements.vy, State); zero: never seen.
states: public(HashMap[bytes32, uint256])
#: Slot 2. Each client contract's balance (bits 0-95) and owner (bits 96-255), never zero once
#: enrolled: a payment into it does not pay for a fresh slot.
accounts: public(HashMap[address, uint256])
#: Slot 3. Wallets that the provider has registered.
registered: public(HashMap[address, bool])

# ---------------------------------------------------------------------------------------------
#                                              EVENTS
# ---------------------------------------------------------------------------------------------

event Deposited:  # money came into the deposit
    account: indexed(address)
    amount: uint256

event Withdrawn:  # money left the contract
    account: indexed(address)
    amount: uint256

event Registered:  # a wallet may have a client contract
    owner: indexed(address)

event Enrolled:  # it has one, which can pay
    owner: indexed(address)
    client: indexed(address)

event Paid:  # a price is escrowed and the penalty reserved
    agreement_id: indexed(bytes32)
    client: indexed(address)
    quote: agreements.Quote

event Stored:  # point of availability; receipt and signature stand in the call's data
    agreement_id: indexed(bytes32)

event Linked:  # with the link, sealed to a client that could not be given it
    agreement_id: indexed(bytes32)
    r: bytes32
    vs: bytes32
    sealed_link: Bytes[MAX_LINK]

event Challenged:  # the provider must show leaves by the deadline
    agreement_id: indexed(bytes32)
    chunk: uint256
    leaf: uint256
    count: uint256

event Answered:  # leaves were shown, in the call's data, or that there are none
    agreement_id: indexed(bytes32)
    is_closed: bool

event Fined:  # the provider failed
    agreement_id: indexed(bytes32)
    to_client: uint256

event Reclaimed:  # no receipt came
    agreement_id: indexed(bytes32)
    to_client: uint256
    burned: uint256

event Collected:  # seconds of the term were paid to the provider
    agreement_id: indexed(bytes32)
    amount: uint256
    is_ended: bool

event GivenBack:  # the client needs it no longer
    agreement_id: indexed(bytes32)
    to_client: uint256
    to_provider: uint256

event Rebated:  # the provider gave a client money
    client: indexed(address)
    amount: uint256


@deploy
@payable
def __init__(provider: address, factory: address):
    """
    @notice Open with a first deposit.
    @param provider The account that signs; it need not be the one that deploys.
    @param factory The StorageFactory of this chain.
    """
    assert provider != empty(address), "storage: no provider"
    agreements.__init__()
    PROVIDER = provider
    FACTORY = factory
    self.free = msg.value
    log Deposited(account=msg.sender, amount=msg.value)


@external
@view
def provider() -> address:
    """
    @notice Who keeps the bytes and signs for them.
    """
    return PROVIDER


@external
@view
def factory() -> address:
    """
    @notice The registry from which clients' contracts come.
    """
    return FACTORY


# ---------------------------------------------------------------------------------------------
#                                        MONEY AND CLIENTS
# ---------------------------------------------------------------------------------------------


@external
@payable
def deposit():
    """
    @notice Add to the provider's deposit. Anyone may.
    """
    self.free += msg.value
    log Deposited(account=msg.sender, amount=msg.value)


@external
def withdraw(amount: uint256):
    """
    @notice Take free money out, to the caller: the provider or a client contract.
    """
    if msg.sender == PROVIDER:
        assert self.free >= amount, "storage: balance too low"
        self.free -= amount
    else:
        word: uint256 = self.accounts[msg.sender]
        assert word & MAX_MONEY >= amount, "storage: balance too low"
        self.accounts[msg.sender] = word - amount
    log Withdrawn(account=msg.sender, amount=amount)
    raw_call(msg.sender, b"", value=amount)


@external
def register(owner: address):
    """
    @notice Let a wallet have a client contract. For the provider; for good, since no quote need
            ever be signed for it.
    """
    assert msg.sender == PROVIDER, "storage: not the provider"
    self.registered[owner] = True
    log Registered(owner=owner)


@external
def enroll(owner: address, client: address):
    """
    @notice Enter a registered wallet's client contract. For the factory, which has made it.
    """
    assert msg.sender == FACTORY, "storage: not the factory"
    assert self.registered[owner], "storage: not registered"
    assert self.accounts[client] == 0, "storage: enrolled before"
    self.accounts[client] = convert(owner, uint256) << 96
    log Enrolled(owner=owner, client=client)


@external
def rebate(client: address, amount: uint256):
    """
    @notice Give a client money out of the deposit. For the provider.
    """
    assert msg.sender == PROVIDER, "storage: not the provider"
    assert self.accounts[client] != 0, "storage: not registered"
    assert self.free >= amount, "storage: balance too low"
    self.free -= amount
    self.accounts[client] += amount
    log Rebated(client=client, amount=amount)


# ---------------------------------------------------------------------------------------------
#                                             READING
# ---------------------------------------------------------------------------------------------


@external
@view
def agreement_id(quote: agreements.Quote) -> bytes32:
    """
    @notice An agreement's identity: its quote's EIP-712 digest.
    """
    return agreements.quote_id(quote)


@external
@view
def state_of(agreement_id: bytes32) -> agreements.State:
    """
    @notice An agreement's state, unpacked.
    """
    return agreements.unpack(self.states[agreement_id])


@external
@view
def challenge_fee(count: uint256) -> uint256:
    """
    @notice What a challenge of `count` leaves costs at least in a block like this one.
    @dev For contracts: nodes answer calls without a gas price as if the base fee were zero.
    """
    return self._challenge_fee(count)


@internal
@view
def _challenge_fee(count: uint256) -> uint256:
    """
    @notice One and a half times what the answer costs at the base fee, in whole gwei, rounded up
            in favour of who answers.
    """
    answers: uint256 = (count + chunk_trees.MAX_ANSWER - 1) // chunk_trees.MAX_ANSWER
    gas: uint256 = 3 * (answers * ANSWER_GAS + count * LEAF_GAS) // 2
    return (gas * max(block.basefee, MIN_BASE_FEE) + FEE_UNIT - 1) // FEE_UNIT * FEE_UNIT


@internal
@view
def _load(quote: agreements.Quote) -> (bytes32, agreements.State):
    id: bytes32 = agreements.quote_id(quote)
    return id, agreements.unpack(self.states[id])


@internal
def _store(id: bytes32, state: agreements.State):
    self.states[id] = agreements.pack(state)


@internal
@pure
def _get_vested_seconds(
    terms: agreements.Terms, state: agreements.State, now: uint256
) -> uint256:
    """
    @notice Seconds of the term that the provider has served by `now`, by the opening of a
            challenge that is open, or by the fault for which it was fined.
    """
    stop: uint256 = now
    if state.status == CHALLENGED or state.status == FINED:
        stop = min(now, state.deadline - convert(terms.response_window, uint256))
    if stop <= state.started:
        return 0
    return min(stop - state.started, convert(terms.term, uint256))


@internal
@pure
def _get_vested(terms: agreements.Terms, seconds: uint256) -> uint256:
    """
    @notice What so many seconds of the term are worth, rounded down: the client's favour. What was
            paid is always the worth of all seconds so far, so that roundings never add up.
    """
    return terms.price * seconds // convert(terms.term, uint256)


@internal
def _credit(client: address, amount: uint256):
    """
    @notice Put money into a client contract's balance.
    @dev Cannot reach the owner's bits: less than 2^96 wei exist.
    """
    self.accounts[client] += amount


# ---------------------------------------------------------------------------------------------
#                                     PAYMENT AND RECEIPT
# ---------------------------------------------------------------------------------------------


@external
@payable
def pay(quote: agreements.Quote, r: bytes32, vs: bytes32):
    """
    @notice Escrow the price of a quote and reserve its penalty. For the client contract that it
            names, once. A renewal is stored from now on: its signer holds the bytes.
    @param r The provider's signature on the quote, with `vs` (EIP-2098).
    """
    terms: agreements.Terms = quote.terms
    assert msg.sender == terms.client, "storage: not the client"
    assert self.accounts[msg.sender] != 0, "storage: not registered"
    id: bytes32 = agreements.quote_id(quote)
    assert self.states[id] == 0, "storage: quote used"
    assert quote.content.chunk_count > 0, "storage: nothing to keep"
    self._check_terms(terms)
    assert block.timestamp <= convert(terms.valid_until, uint256), "storage: quote over"
    assert signatures.is_signed_by_account(PROVIDER, id, r, vs), "storage: provider did not sign"
    assert msg.value == terms.price, "storage: not the price"
    assert self.free >= terms.penalty, "storage: deposit too low"
    self.free -= terms.penalty
    state: agreements.State = empty(agreements.State)
    if terms.starts_at == 0:
        state.status = PAID
        state.deadline = block.timestamp + convert(terms.confirm_window, uint256)
    else:
        state.status = STORED
        state.started = convert(terms.starts_at, uint256)
    self._store(id, state)
    log Paid(agreement_id=id, client=msg.sender, quote=quote)


@internal
@view
def _check_terms(terms: agreements.Terms):
    """
    @notice Refuse terms that no honest party can live with.
    """
    assert terms.price <= MAX_MONEY and terms.penalty <= MAX_MONEY, "storage: too much money"
    assert (
        terms.reservation_fee <= terms.price // FEE_DIVISOR
    ), "storage: reservation fee too high"
    for window: uint32 in [terms.confirm_window, terms.response_window]:
        seconds: uint256 = convert(window, uint256)
        assert seconds >= MIN_WINDOW and seconds <= MAX_WINDOW, "storage: window out of bounds"
    term: uint256 = convert(terms.term, uint256)
    assert term >= MIN_WINDOW and term <= MAX_TERM, "storage: term out of bounds"
    starts_at: uint256 = convert(terms.starts_at, uint256)
    if starts_at != 0:
        assert (
            starts_at >= block.timestamp and starts_at <= block.timestamp + MAX_TERM
        ), "storage: start out of bounds"


@external
@reentrant
def confirm(receipt: agreements.Receipt, r: bytes32, vs: bytes32):
    """
    @notice Show the provider's receipt: the point of availability, where the term begins. Anyone
            may.
    @dev Without the lock: it calls nobody and moves no money.
    """
    id: bytes32 = receipt.agreement_id
    digest: bytes32 = agreements.receipt_digest(receipt)
    self._confirm(id, digest, r, vs)


@external
def confirm_with_link(
    receipt: agreements.Receipt, r: bytes32, vs: bytes32, sealed_link: Bytes[MAX_LINK]
):
    """
    @notice Show the receipt, and the link pointer for a client that could not be given it.
    @param sealed_link The link pointer, encrypted to the client; what it says cannot be checked.
    """
    id: bytes32 = receipt.agreement_id
    digest: bytes32 = agreements.receipt_digest(receipt)
    self._confirm(id, digest, r, vs)
    log Linked(agreement_id=id, r=r, vs=vs, sealed_link=sealed_link)


@internal
def _confirm(id: bytes32, digest: bytes32, r: bytes32, vs: bytes32):
    """
    @notice Begin the term that a signed receipt is about.
    """
    word: uint256 = self.states[id]
    assert agreements.status_of(word) == PAID, "storage: no receipt awaited"
    assert block.timestamp <= agreements.deadline_of(word), "storage: deadline over"
    assert signatures.is_signed_by_account(
        PROVIDER, digest, r, vs
    ), "storage: provider did not sign"
    self._begin(id)


@external
def confirm_many(confirmations: DynArray[Confirmation, MAX_BATCH]):
    """
    @notice Show many receipts. For the provider, whose transaction says here what its signature
            says in `confirm`: the signatures are carried for the clients and not checked. Agreements
            that await none, since somebody was faster or the deadline is over, are passed over.
    """
    assert msg.sender == PROVIDER, "storage: not the provider"
    for one: Confirmation in confirmations:
        word: uint256 = self.states[one.agreement_id]
        if (
            agreements.status_of(word) == PAID
            and block.timestamp <= agreements.deadline_of(word)
        ):
            self._begin(one.agreement_id)


@internal
def _begin(id: bytes32):
    """
    @notice Begin the term of a paid agreement: nothing but status and start is left in its word.
    """
    self.states[id] = STORED | (block.timestamp << 8)
    log Stored(agreement_id=id)


@external
@payable
def challenge(quote: agreements.Quote, chunk: uint256, leaf: uint256, count: uint256):
    """
    @notice Make the provider show leaves of a chunk. For the client and its agent, one at a time,
            until the term is over. All that is sent is the fee: the provider's if it answers, the
            client's if not.
    @param leaf The first leaf; beyond the chunk's end, the answer is the chunk's leaf count.
    @param count Leaves, at most MAX_RANGE.
    """
    assert msg.sender == quote.terms.client or (
        msg.sender == quote.terms.agent and msg.sender != empty(address)
    ), "storage: not the client"
    id: bytes32 = agreements.quote_id(quote)
    word: uint256 = self.states[id]
    assert agreements.status_of(word) != CHALLENGED, "storage: challenge open"
    assert agreements.status_of(word) == STORED, "storage: not stored"
    end: uint256 = agreements.started_of(word) + convert(quote.terms.term, uint256)
    assert block.timestamp <= end, "storage: term over"
    assert chunk < convert(quote.content.chunk_count, uint256), "storage: no such chunk"
    assert (
        leaf < chunk_trees.MAX_LEAVES and count > 0 and count <= MAX_RANGE
    ), "storage: no such leaves"
    assert msg.value >= self._challenge_fee(count), "storage: fee too low"
    fee: uint256 = msg.value // FEE_UNIT
    assert msg.value % FEE_UNIT == 0 and fee <= MAX_FEE, "storage: fee out of bounds"
    deadline: uint256 = block.timestamp + convert(quote.terms.response_window, uint256)
    self.states[id] = agreements.challenged(word, CHALLENGED, deadline, fee, chunk, leaf, count)
    log Challenged(agreement_id=id, chunk=chunk, leaf=leaf, count=count)


@internal
@view
def _load_challenged(
    size: uint64, chunk_count: uint32, terms_hash: bytes32, root: bytes32, blind: bytes32
) -> (bytes32, agreements.State):
    """
    @notice The agreement whose quote commits to a root, with a challenge that can be answered.
    """
    content: agreements.Content = agreements.Content(
        root_commitment=chunk_trees.commit_root(root, blind), size=size, chunk_count=chunk_count
    )
    id: bytes32 = agreements.id_of(content, terms_hash)
    state: agreements.State = agreements.unpack(self.states[id])
    assert state.status == CHALLENGED, "storage: not challenged"
    assert block.timestamp <= state.deadline, "storage: deadline over"
    return id, state


@internal
def _close(id: bytes32, state: agreements.State):
    """
    @notice End a challenge that was answered: the fee is the provider's, and vesting goes on as if
            there had been none.
    """
    self.free += state.fee * FEE_UNIT
    self.states[id] = STORED | (state.started << 8) | (state.collected << 48)
    log Answered(agreement_id=id, is_closed=True)


@external
def answer(
    size: uint64,
    chunk_count: uint32,
    terms_hash: bytes32,
    root: bytes32,
    blind: bytes32,
    leaf_count: uint256,
    leaf: Bytes[chunk_trees.LEAF_SIZE],
    siblings: DynArray[bytes32, chunk_trees.MAX_SIBLINGS],
):
    """
    @notice Show the next leaf of the open challenge. Anyone may; the fee is the provider's when the
            last leaf that exists is shown.
    @param terms_hash EIP-712 hash of the quote's terms, which need not be shown.
    @param root The root that the quote's commitment opens to, with `blind`.
    @param leaf_count Leaves of the chunk.
    @param leaf Its bytes.
    @param siblings As pekanu.storage.trees.LeafProof has them.
    """
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load_challenged(size, chunk_count, terms_hash, root, blind)
    self._check_leaves(state, 1, leaf_count)
    found: bytes32 = chunk_trees.root_of_leaf(
        leaf, state.leaf, leaf_count, state.chunk, convert(chunk_count, uint256), siblings
    )
    assert found == root, "storage: wrong proof"
    self._advance(id, state, 1, leaf_count)


@external
def answer_many(
    size: uint64,
    chunk_count: uint32,
    terms_hash: bytes32,
    root: bytes32,
    blind: bytes32,
    leaf_count: uint256,
    leaves: DynArray[Bytes[chunk_trees.LEAF_SIZE], chunk_trees.MAX_ANSWER],
    siblings: DynArray[bytes32, chunk_trees.MAX_SIBLINGS],
):
    """
    @notice Show the next leaves of the open challenge, as `answer` does one.
    @param leaves Their bytes.
    """
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load_challenged(size, chunk_count, terms_hash, root, blind)
    count: uint256 = len(leaves)
    self._check_leaves(state, count, leaf_count)
    found: bytes32 = chunk_trees.root_of_leaves(
        leaves, state.leaf, leaf_count, state.chunk, convert(chunk_count, uint256), siblings
    )
    assert found == root, "storage: wrong proof"
    self._advance(id, state, count, leaf_count)


@internal
@pure
def _check_leaves(state: agreements.State, count: uint256, leaf_count: uint256):
    """
    @notice Refuse to look at none, at more leaves than are asked for, and beyond a chunk's end.
    """
    assert count > 0 and count <= state.count, "storage: not the leaves asked for"
    assert (
        state.leaf + count <= leaf_count and leaf_count <= chunk_trees.MAX_LEAVES
    ), "storage: beyond the end"


@internal
def _advance(id: bytes32, state: agreements.State, count: uint256, leaf_count: uint256):
    """
    @notice Go on behind leaves that were shown; a challenge ends with its last leaf or the chunk's.
    """
    stop: uint256 = state.leaf + count
    if count == state.count or stop == leaf_count:
        self._close(id, state)
        return
    state.leaf = stop
    state.count -= count
    self._store(id, state)
    log Answered(agreement_id=id, is_closed=False)


@external
def answer_count(
    size: uint64,
    chunk_count: uint32,
    terms_hash: bytes32,
    root: bytes32,
    blind: bytes32,
    chunk_root: bytes32,
    leaf_count: uint256,
    siblings: DynArray[bytes32, chunk_trees.MAX_SIBLINGS],
):
    """
    @notice Show that the challenged chunk has no such leaves. Anyone may.
    @param chunk_root The chunk's root, and its `leaf_count`, as the root counts them.
    @param siblings As pekanu.storage.trees.CountProof has them.
    """
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load_challenged(size, chunk_count, terms_hash, root, blind)
    assert leaf_count <= state.leaf, "storage: the leaf exists"
    found: bytes32 = chunk_trees.root_of_entry(
        chunk_root, leaf_count, state.chunk, convert(chunk_count, uint256), siblings, 0
    )
    assert found == root, "storage: wrong proof"
    self._close(id, state)


# ---------------------------------------------------------------------------------------------
#                                       FINE AND RECLAIM
# ---------------------------------------------------------------------------------------------


@external
def fine(quote: agreements.Quote):
    """
    @notice Fine the provider for a challenge that it left unanswered. Anyone may. What had vested
            when the challenge was opened stays to be collected; the rest of the price, the
            challenge's fee and the penalty are the client's.
    """
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load(quote)
    assert state.status == CHALLENGED, "storage: not challenged"
    assert block.timestamp > state.deadline, "storage: too early"
    self._fine(id, quote.terms, state)


@external
def fine_equivocation(
    quote: agreements.Quote, receipt: agreements.Receipt, r: bytes32, vs: bytes32
):
    """
    @notice Fine the provider for a receipt that contradicts the quote, which it has signed too.
            Anyone may, while the agreement lives. Of two receipts that contradict each other, one
            contradicts the quote.
    """
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load(quote)
    assert state.status in [PAID, STORED, CHALLENGED], "storage: not live"
    assert receipt.agreement_id == id, "storage: other agreement"
    assert (
        receipt.root_commitment != quote.content.root_commitment
        or receipt.size != quote.content.size
        or receipt.term != quote.terms.term
    ), "storage: no contradiction"
    assert signatures.is_signed_by_account(
        PROVIDER, agreements.receipt_digest(receipt), r, vs
    ), "storage: provider did not sign"
    if state.status != CHALLENGED:
        if state.status == PAID:
            state.started = block.timestamp
        state.deadline = block.timestamp + convert(quote.terms.response_window, uint256)
    self._fine(id, quote.terms, state)


@internal
def _fine(id: bytes32, terms: agreements.Terms, state: agreements.State):
    """
    @notice Give the client what is not vested, the fee and the penalty.
    @param state Its deadline is a response window after the second at which vesting stops.
    """
    fined: agreements.State = empty(agreements.State)
    fined.status = FINED
    fined.started = state.started
    fined.collected = state.collected
    fined.deadline = state.deadline
    self._store(id, fined)
    vested: uint256 = self._get_vested(
        terms, self._get_vested_seconds(terms, fined, block.timestamp)
    )
    to_client: uint256 = terms.price - vested + state.fee * FEE_UNIT + terms.penalty
    self._credit(terms.client, to_client)
    log Fined(agreement_id=id, to_client=to_client)


@external
def reclaim(quote: agreements.Quote):
    """
    @notice End an agreement for which no receipt was shown in time. Anyone may. Who failed the
            upload cannot be proved: nobody is fined, and the reservation fee is burned.
    """
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load(quote)
    assert state.status == PAID, "storage: no receipt awaited"
    assert block.timestamp > state.deadline, "storage: too early"
    self.states[id] = RECLAIMED
    burned: uint256 = quote.terms.reservation_fee
    to_client: uint256 = quote.terms.price - burned
    self.free += quote.terms.penalty
    self._credit(quote.terms.client, to_client)
    log Reclaimed(agreement_id=id, to_client=to_client, burned=burned)
    if burned > 0:
        # No code stands at the zero address: it cannot refuse, and it cannot call.
        raw_call(empty(address), b"", value=burned)


# ---------------------------------------------------------------------------------------------
#                                      VESTING AND THE END
# ---------------------------------------------------------------------------------------------


@external
def collect(quotes: DynArray[agreements.Quote, MAX_BATCH]):
    """
    @notice Pay the provider what has vested. Anyone may. An agreement whose term has been over for
            a response window, with no challenge open, ends: its penalty is free again. Agreements
            from which nothing is due are passed over.
    """
    total: uint256 = 0
    for quote: agreements.Quote in quotes:
        total += self._collect(quote)
    if total > 0:
        self.free += total


@internal
def _collect(quote: agreements.Quote) -> uint256:
    """
    @notice Mark as collected what has vested, and return it with a penalty that became free.
    """
    terms: agreements.Terms = quote.terms
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load(quote)
    if not state.status in [STORED, CHALLENGED, FINED]:
        return 0
    seconds: uint256 = self._get_vested_seconds(terms, state, block.timestamp)
    last: uint256 = (
        state.started
        + convert(terms.term, uint256)
        + convert(terms.response_window, uint256)
    )
    is_ended: bool = state.status == STORED and block.timestamp > last
    if seconds == state.collected and not is_ended:
        return 0
    amount: uint256 = self._get_vested(terms, seconds) - self._get_vested(terms, state.collected)
    state.collected = seconds
    if is_ended:
        self.states[id] = ENDED
    else:
        self._store(id, state)
    log Collected(agreement_id=id, amount=amount, is_ended=is_ended)
    if is_ended:
        return amount + terms.penalty
    return amount


@external
def give_back(quote: agreements.Quote):
    """
    @notice End an agreement early. For the client contract. The provider keeps what has vested,
            and the reservation fee at least; the rest of the price is the client's.
    """
    terms: agreements.Terms = quote.terms
    assert msg.sender == terms.client, "storage: not the client"
    id: bytes32 = empty(bytes32)
    state: agreements.State = empty(agreements.State)
    id, state = self._load(quote)
    assert state.status == STORED, "storage: not stored"
    self.states[id] = GIVEN_BACK
    seconds: uint256 = self._get_vested_seconds(terms, state, block.timestamp)
    earned: uint256 = max(self._get_vested(terms, seconds), terms.reservation_fee)
    to_provider: uint256 = earned - self._get_vested(terms, state.collected)
    to_client: uint256 = terms.price - earned
    self.free += to_provider + terms.penalty
    self._credit(msg.sender, to_client)
    log GivenBack(agreement_id=id, to_client=to_client, to_provider=to_provider)
