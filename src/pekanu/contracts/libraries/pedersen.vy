# pragma version 0.4.3
"""
@title Pedersen commitments
@license MIT
@notice Commitments to the key of a seal on alt_bn128, through the precompiles 6 and 7. No storage.
@dev Twin: pekanu.crypto.pedersen.
"""

#: Order of the curve's group.
ORDER: constant(uint256) = (
    21888242871839275222246405745257275088548364400416034343698204186575808495617
)
#: The second generator, hashed to the curve: x is the Keccak-256 of "Pekanu Pedersen generator H
#: v1" and a 32-byte counter, modulo the field's prime; the counter is the first from 0 for which
#: x is on the curve; y is the smaller root. Nobody knows its logarithm; a test derives it again.
H_X: constant(uint256) = (
    4219226448975407493284532879960104847729342275678880748996271631325456239003
)
H_Y: constant(uint256) = (
    3337910828000548772389759588076080461065403671633828850728323935665601313490
)


@internal
@view
def is_opening(x: uint256, y: uint256, key: uint256, blinding: uint256) -> bool:
    """
    @notice Whether key * G + blinding * H is the point (x, y).
    @dev Scalars must be canonical, or a key shifted by the order would open the same point. Both
         coordinates are compared, or a negated key would.
    """
    if key >= ORDER or blinding >= ORDER:
        return False
    point: uint256[2] = ecadd(ecmul([1, 2], key), ecmul([H_X, H_Y], blinding))
    return point[0] == x and point[1] == y
