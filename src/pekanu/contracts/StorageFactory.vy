# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StorageFactory
@license MIT
@notice Makes clients' contracts, and knows which it has made: immutables make the hashes of their
        codes differ, so that this registry says what a code hash cannot. One a chain. No owner.
"""

interface StorageServer:
    def enroll(owner: address, client: address): nonpayable

#: Bytes before the creation code at a blueprint (ERC-5202).
PREAMBLE: constant(uint256) = 3

#: Creation code of StorageClient; in the code, not in storage.
BLUEPRINT: immutable(address)

#: Slot 0. Owner of each client contract made here; zero for every other address.
owners: public(HashMap[address, address])
#: Slot 1. The client contract of an owner with a provider's contract.
clients: public(HashMap[address, HashMap[address, address]])

event Created:  # an owner has a client contract with a provider
    owner: indexed(address)
    server: indexed(address)
    client: indexed(address)


@deploy
def __init__(blueprint: address):
    """
    @param blueprint Where StorageClient's creation code stands.
    """
    BLUEPRINT = blueprint


@external
@view
def blueprint() -> address:
    """
    @notice Where StorageClient's creation code stands.
    """
    return BLUEPRINT


@external
@payable
def create(server: address) -> address:
    """
    @notice Make the caller's client contract with a provider, and enroll it there; the provider
            has registered the caller. What is sent along is its first budget.
    """
    assert self.clients[msg.sender][server] == empty(address), "storage factory: made before"
    client: address = create_from_blueprint(
        BLUEPRINT, msg.sender, server, code_offset=PREAMBLE
    )
    self.owners[client] = msg.sender
    self.clients[msg.sender][server] = client
    log Created(owner=msg.sender, server=server, client=client)
    extcall StorageServer(server).enroll(msg.sender, client)
    if msg.value > 0:
        raw_call(client, b"", value=msg.value)
    return client
