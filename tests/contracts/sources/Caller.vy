# pragma version 0.4.3
"""
@title Caller
@notice Passes calls on to a market. In tests only: as a referee that rules as it is told, as a
        contract wallet that signs as it is told, and as an account that refuses money.
"""

#: What isValidSignature answers for a digest; EIP-1271's value means yes.
signed: HashMap[bytes32, bool]
#: Whether money is taken.
is_open: public(bool)
#: Whether all gas is burnt when money comes, and when a signature is asked for.
burns_paid: bool
burns_asked: bool
#: What is called when money comes: an attempt to re-enter.
target: address
attempt: Bytes[4096]


@external
def set_open(is_open: bool):
    self.is_open = is_open


@external
def set_burning(when_paid: bool, when_asked: bool):
    self.burns_paid = when_paid
    self.burns_asked = when_asked


@external
def sign(digest: bytes32):
    self.signed[digest] = True


@external
def set_attempt(target: address, attempt: Bytes[4096]):
    self.target = target
    self.attempt = attempt


@external
@view
def isValidSignature(digest: bytes32, signature: Bytes[512]) -> bytes4:
    if self.burns_asked:
        raise UNREACHABLE
    if self.signed[digest]:
        return method_id("isValidSignature(bytes32,bytes)", output_type=bytes4)
    return empty(bytes4)


@external
@payable
def pass_on(target: address, data: Bytes[4096]):
    """
    @notice Call `target` with `data` and the value sent, as this contract.
    """
    raw_call(target, data, value=msg.value)


@external
@payable
def __default__():
    if self.burns_paid:
        raise UNREACHABLE
    assert self.is_open, "caller: no money wanted"
    if self.target != empty(address):
        raw_call(self.target, self.attempt)
