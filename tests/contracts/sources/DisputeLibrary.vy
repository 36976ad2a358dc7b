# pragma version 0.4.3
"""
@title DisputeLibrary
@notice Opens the libraries of disputes to tests.
"""

from referees import disputes
from referees import terms as terms_lib


@external
@pure
def unpack(place: disputes.Place, mover: address) -> disputes.Dispute:
    return disputes.unpack(place, mover)


@external
@pure
def repack(place: disputes.Place, mover: address) -> disputes.Place:
    return disputes.pack(disputes.unpack(place, mover))


@external
@pure
def get_id(place: disputes.Place, mover: address) -> bytes32:
    return disputes.get_id(disputes.unpack(place, mover))


@external
@pure
def get_commitment(place: disputes.Place, root: bytes32) -> bytes32:
    return disputes.get_commitment(place, root)


@external
@pure
def get_part(first: uint256, last: uint256, index: uint256) -> (uint256, uint256):
    return disputes.get_part(first, last, index)


@external
@pure
def check_points(points: bytes32[disputes.POINTS], parts: uint256):
    disputes.check_points(points, parts)


@external
@pure
def get_root(dissection: disputes.Dissection) -> bytes32:
    return disputes.get_root(dissection)


@external
@pure
def get_start(dissection: disputes.Dissection, index: uint256) -> bytes32:
    return disputes.get_start(dissection, index)


@external
@pure
def get_hash(terms: terms_lib.Terms) -> bytes32:
    return terms_lib.get_hash(terms)
