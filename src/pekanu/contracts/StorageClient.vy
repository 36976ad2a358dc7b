# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StorageClient
@license MIT
@notice One client's budget with one provider: what it pays for storage, and what comes back. The
        owner alone spends it; those it names may challenge at their own cost. No upgrade.
@dev Made by StorageFactory, which vouches for the code. Fines and reclaims need no call here: on
     StorageServer anyone may make them, and their money is this contract's.
"""

from .libraries import agreements

interface StorageServer:
    def accounts(client: address) -> uint256: view
    def pay(quote: agreements.Quote, r: bytes32, vs: bytes32): payable
    def challenge(quote: agreements.Quote, chunk: uint256, leaf: uint256, count: uint256): payable
    def give_back(quote: agreements.Quote): nonpayable
    def withdraw(amount: uint256): nonpayable

#: A balance in the server's word for an account; above it stands the owner.
BALANCE: constant(uint256) = 2**96 - 1

#: Who owns the budget; in the code, not in storage.
OWNER: immutable(address)
#: The provider's contract; in the code, not in storage.
SERVER: immutable(StorageServer)

#: Slot 0. Who may challenge besides the owner, at its own cost.
agents: public(HashMap[address, bool])

event Funded:  # money came into the budget
    account: indexed(address)
    amount: uint256

event Withdrawn:  # the owner took money out
    amount: uint256

event AgentSet:  # somebody may challenge, or no longer
    agent: indexed(address)
    is_agent: bool


@deploy
def __init__(owner: address, server: address):
    """
    @param owner Who spends the budget.
    @param server The provider's StorageServer.
    """
    OWNER = owner
    SERVER = StorageServer(server)


@external
@payable
@reentrant
def __default__():
    """
    @notice Take money, from whoever sends it: the owner's, or what the server owes.
    @dev Writes nothing, so that it may run inside a call of this contract.
    """
    log Funded(account=msg.sender, amount=msg.value)


@external
@view
def owner() -> address:
    """
    @notice Who spends the budget.
    """
    return OWNER


@external
@view
def server() -> address:
    """
    @notice The provider's StorageServer.
    """
    return SERVER.address


@external
@payable
def pay(quote: agreements.Quote, r: bytes32, vs: bytes32):
    """
    @notice Pay a quote, or a renewal, out of the budget and what is sent along. For the owner.
    @dev The server, whose code the owner has checked, verifies the signature and reserves the
         penalty in this same call.
    """
    assert msg.sender == OWNER, "storage client: not the owner"
    account: uint256 = staticcall SERVER.accounts(self)
    assert account >> 96 == convert(OWNER, uint256), "storage client: not registered"
    assert self.balance >= quote.terms.price, "storage client: budget too low"
    extcall SERVER.pay(quote, r, vs, value=quote.terms.price)


@external
@payable
def challenge(
    quote: agreements.Quote, chunk: uint256, leaf: uint256, count: uint256, fee: uint256
):
    """
    @notice Challenge the provider. For the owner, and for those it has named.
    @param fee What is put up; an agent sends it along, since a fee can become the provider's.
    """
    assert msg.sender == OWNER or self.agents[msg.sender], "storage client: not an agent"
    assert msg.sender == OWNER or msg.value == fee, "storage client: an agent pays the fee"
    assert self.balance >= fee, "storage client: budget too low"
    extcall SERVER.challenge(quote, chunk, leaf, count, value=fee)


@external
def set_agent(agent: address, is_agent: bool):
    """
    @notice Name who may challenge. For the owner.
    """
    assert msg.sender == OWNER, "storage client: not the owner"
    self.agents[agent] = is_agent
    log AgentSet(agent=agent, is_agent=is_agent)


@external
def give_back(quote: agreements.Quote):
    """
    @notice End an agreement early; what is not vested comes back. For the owner.
    """
    assert msg.sender == OWNER, "storage client: not the owner"
    extcall SERVER.give_back(quote)


@external
def collect():
    """
    @notice Take what the server owes into the budget. Anyone may.
    """
    extcall SERVER.withdraw((staticcall SERVER.accounts(self)) & BALANCE)


@external
def withdraw(amount: uint256):
    """
    @notice Take money out of the budget, to the owner.
    """
    assert msg.sender == OWNER, "storage client: not the owner"
    assert self.balance >= amount, "storage client: budget too low"
    log Withdrawn(amount=amount)
    raw_call(OWNER, b"", value=amount)
