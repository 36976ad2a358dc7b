# pragma version 0.4.3
"""
@title Tasks and what is signed about them
@license MIT
@notice The structs of the market, their EIP-712 hashes, and the word that keeps a task's state.
        No storage.
@dev Twins: pekanu.market.task, pekanu.market.claim, pekanu.market.typed_data.
"""

struct Task:
    client: address  # pays
    agent: address  # may demand, complain and challenge for the client; may be zero
    referee: address  # rules challenges; zero: nobody does
    terms: bytes32  # hash of what is to be computed
    count: uint32  # items in the batch, at least 1
    price: uint256  # wei to the worker on success
    stake: uint256  # wei of the worker's that a proven fault costs
    offered_until: uint64  # last second at which it can be accepted
    compute_window: uint32  # seconds from acceptance to delivery
    audit_window: uint32  # seconds that the client has to check
    response_window: uint32  # seconds that a party has for each answer
    chunk_fee: uint256  # wei per chunk that the client demands on chain
    salt: bytes32  # makes equal tasks distinct

struct Claim:
    results_root: bytes32  # over the items' results
    ciphertext_root: bytes32  # over the items' sealed outputs
    key_x: uint256  # Pedersen commitment to the seal's key, a point on alt_bn128
    key_y: uint256

#: A task's state, unpacked from its one word.
struct State:
    status: uint256  # bits 0 to 7
    worker: address  # bits 8 to 167; zero while OPEN
    deadline: uint256  # bits 168 to 207; of the move that is owed, see Market
    client_challenges: uint256  # bits 208 to 223; open ones of client and agent
    other_challenges: uint256  # bits 224 to 239; open ones of everybody else
    flags: uint256  # bits 240 to 255; see Market

#: EIP-712: type hashes and the domain.
TASK_TYPEHASH: constant(bytes32) = keccak256(
    "Task(address client,address agent,address referee,bytes32 terms,uint32 count,"
    "uint256 price,uint256 stake,uint64 offeredUntil,uint32 computeWindow,"
    "uint32 auditWindow,uint32 responseWindow,uint256 chunkFee,bytes32 salt)"
)
ACCEPTANCE_TYPEHASH: constant(bytes32) = keccak256(
    "Acceptance(Task task,address worker,uint64 expiry)"
    "Task(address client,address agent,address referee,bytes32 terms,uint32 count,"
    "uint256 price,uint256 stake,uint64 offeredUntil,uint32 computeWindow,"
    "uint32 auditWindow,uint32 responseWindow,uint256 chunkFee,bytes32 salt)"
)
APPROVAL_TYPEHASH: constant(bytes32) = keccak256(
    "Approval(Task task,bytes32 claimHash)"
    "Task(address client,address agent,address referee,bytes32 terms,uint32 count,"
    "uint256 price,uint256 stake,uint64 offeredUntil,uint32 computeWindow,"
    "uint32 auditWindow,uint32 responseWindow,uint256 chunkFee,bytes32 salt)"
)
RESOLUTION_TYPEHASH: constant(bytes32) = keccak256(
    "Resolution(Task task,uint256 toClient)"
    "Task(address client,address agent,address referee,bytes32 terms,uint32 count,"
    "uint256 price,uint256 stake,uint64 offeredUntil,uint32 computeWindow,"
    "uint32 auditWindow,uint32 responseWindow,uint256 chunkFee,bytes32 salt)"
)
CLAIM_TYPEHASH: constant(bytes32) = keccak256(
    "Claim(bytes32 taskId,address worker,bytes32 resultsRoot,bytes32 ciphertextRoot,"
    "uint256 keyX,uint256 keyY)"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Pekanu Market")
VERSION_HASH: constant(bytes32) = keccak256("1")


@internal
@pure
def struct_hash(task: Task) -> bytes32:
    """
    @notice The EIP-712 hash of a task.
    """
    return keccak256(abi_encode(TASK_TYPEHASH, task))


@internal
@view
def digest(hashed: bytes32) -> bytes32:
    """
    @notice The EIP-712 digest of a struct hash, for this contract on this chain.
    @dev The separator is computed at each call, so that it follows the chain id through a fork.
    """
    separator: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self)
    )
    return keccak256(concat(x"1901", separator, hashed))


@internal
@view
def acceptance_digest(hashed_task: bytes32, worker: address, expiry: uint64) -> bytes32:
    """
    @notice What a worker signs to accept a task until `expiry`.
    """
    return self.digest(keccak256(abi_encode(ACCEPTANCE_TYPEHASH, hashed_task, worker, expiry)))


@internal
@view
def approval_digest(hashed_task: bytes32, hashed_claim: bytes32) -> bytes32:
    """
    @notice What a client signs to approve a claim.
    """
    return self.digest(keccak256(abi_encode(APPROVAL_TYPEHASH, hashed_task, hashed_claim)))


@internal
@view
def resolution_digest(hashed_task: bytes32, to_client: uint256) -> bytes32:
    """
    @notice What both parties sign to split the price.
    """
    return self.digest(keccak256(abi_encode(RESOLUTION_TYPEHASH, hashed_task, to_client)))


@internal
@pure
def claim_hash(task_id: bytes32, worker: address, claim: Claim) -> bytes32:
    """
    @notice The hash that stands for a claim; it binds the task and the worker.
    """
    return keccak256(abi_encode(CLAIM_TYPEHASH, task_id, worker, claim))


@internal
@pure
def unpack(word: uint256) -> State:
    """
    @notice A task's state from its word.
    """
    return State(
        status=word & 255,
        worker=convert((word >> 8) & convert(max_value(uint160), uint256), address),
        deadline=(word >> 168) & 1099511627775,
        client_challenges=(word >> 208) & 65535,
        other_challenges=(word >> 224) & 65535,
        flags=word >> 240,
    )


@internal
@pure
def pack(state: State) -> uint256:
    """
    @notice A task's word from its state.
    @dev Every field is in its range: deadlines are a block's time plus at most two windows, the
         challenges are counted up to 65535 by the market.
    """
    return (
        state.status
        | (convert(state.worker, uint256) << 8)
        | (state.deadline << 168)
        | (state.client_challenges << 208)
        | (state.other_challenges << 224)
        | (state.flags << 240)
    )
