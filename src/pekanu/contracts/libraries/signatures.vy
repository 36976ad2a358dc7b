# pragma version 0.4.3
"""
@title Signatures
@license MIT
@notice Signatures of accounts (ECDSA) and of contract wallets (EIP-1271). No storage.
"""

#: Bytes of a signature: 65 of an account, more of a contract wallet.
MAX_SIGNATURE: constant(uint256) = 512
#: Half the order of secp256k1: a larger s is the same signature written twice (EIP-2).
HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

interface Wallet:
    def isValidSignature(digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bytes4: view


@internal
@view
def is_signed_by(signer: address, digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @notice Whether `signer` signed `digest`.
    @dev The curve is asked first, so that an account with delegated code (EIP-7702) signs as any.
    """
    if len(signature) == 65:
        r: uint256 = extract32(signature, 0, output_type=uint256)
        s: uint256 = extract32(signature, 32, output_type=uint256)
        v: uint256 = convert(slice(signature, 64, 1), uint256)
        if s <= HALF_ORDER:
            recovered: address = ecrecover(digest, v, r, s)
            if recovered != empty(address) and recovered == signer:
                return True
    if not signer.is_contract:
        return False
    magic: bytes4 = staticcall Wallet(signer).isValidSignature(digest, signature)
    return magic == method_id("isValidSignature(bytes32,bytes)", output_type=bytes4)


@internal
@pure
def is_signed_by_account(signer: address, digest: bytes32, r: bytes32, vs: bytes32) -> bool:
    """
    @notice Whether an account signed `digest`; contract wallets do not pass.
    @param vs The signature's s, with the parity of its point in the highest bit (EIP-2098).
    """
    packed: uint256 = convert(vs, uint256)
    s: uint256 = packed & convert(max_value(int256), uint256)
    if s > HALF_ORDER:
        return False
    recovered: address = ecrecover(digest, 27 + (packed >> 255), convert(r, uint256), s)
    return recovered != empty(address) and recovered == signer
