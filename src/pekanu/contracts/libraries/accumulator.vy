# pragma version 0.4.3
"""
@title RSA accumulator
@license MIT
@notice Membership of many points in an accumulator modulo RSA-2048, by a proof of exponentiation.
        No storage.
@dev Twins: pekanu.crypto.accumulator and pekanu.crypto.exponentiation, which give the reasons and
     the soundness. EIP-7883 prices powers by the length of the exponent: two of 256 bits modulo
     2,048 bits are nearly all of the cost, whatever the number of points.
"""

#: Points that one proof can hold.
MAX_POINTS: constant(uint256) = 32
#: The precompile of EIP-198.
MODEXP: constant(address) = 0x0000000000000000000000000000000000000005
#: RSA-2048, most significant word first.
MODULUS: constant(uint256[8]) = [
    90277140035524221660126148258557061379123285308658989704672391004821614803803,
    57869290379609657303040512162606851814455226558460332112070297091091473377299,
    73782394946131644841064371759942403520844180862654375469791034357979174641461,
    81842633743743466397710089065956841641725291835994792035868612978274036830794,
    112132693165386412247605656249203521524428151614836875934964262044663449211225,
    111303138468184035671349042991647404384172423341319533077842409199994390031666,
    85237268405944850557272360890859159935293862888804140395541076511054499879729,
    22596801230234264036422371049563789256640322556735559745470543111483876493285,
]
ELEMENT_TAG: constant(bytes32) = keccak256("Pekanu accumulator element v1")
CHALLENGE_TAG: constant(bytes32) = keccak256("Pekanu accumulator challenge v1")
#: Miller-Rabin rounds.
ROUNDS: constant(uint256) = 10
TOP_BIT: constant(uint256) = 2**255
#: Literals that builtins take for other types.
ONE: constant(uint256) = 1
TWO: constant(uint256) = 2
THREE: constant(uint256) = 3

#: That points are in an accumulator.
struct Proof:
    witness: uint256[8]
    quotient: uint256[8]
    nonce: uint256


@internal
@pure
def hash_residue(residue: uint256[8]) -> bytes32:
    """
    @notice The hash of a residue's 256 bytes; of an accumulator, what a result has as evidence.
    """
    return keccak256(abi_encode(residue))


@internal
@view
def is_proof(
    context: bytes32,
    accumulator: uint256[8],
    points: DynArray[uint256, MAX_POINTS],
    proof: Proof,
) -> bool:
    """
    @notice Whether a proof holds that the points are in the accumulator.
    @param context What the proof is bound to.
    """
    if len(points) == 0:
        return False
    if not (
        self.is_canonical(accumulator)
        and self.is_canonical(proof.witness)
        and self.is_canonical(proof.quotient)
    ):
        return False
    transcript: bytes32 = keccak256(
        abi_encode(
            CHALLENGE_TAG,
            context,
            self.hash_residue(accumulator),
            self.hash_residue(proof.witness),
            self.hash_points(points),
        )
    )
    challenge: uint256 = self.candidate(transcript, proof.nonce)
    if not self.is_probable_prime(challenge):
        return False
    left: uint256[8] = self.power(proof.quotient, challenge)
    right: uint256[8] = self.power(proof.witness, self.product(points, challenge))
    return self.is_product(left, right, accumulator)


@internal
@pure
def is_canonical(residue: uint256[8]) -> bool:
    """
    @notice Whether a residue is below the modulus and not 0, 1 or -1.
    """
    modulus: uint256[8] = MODULUS
    if residue[7] <= 1 and self.is_zero_above(residue):
        return False
    for i: uint256 in range(8):
        if residue[i] != modulus[i]:
            # The last word alone differs by one: -1.
            if i == 7 and residue[7] + 1 == modulus[7]:
                return False
            return residue[i] < modulus[i]
    return False


@internal
@pure
def is_zero_above(residue: uint256[8]) -> bool:
    """
    @notice Whether all words but the last are zero.
    """
    return (
        residue[0] | residue[1] | residue[2] | residue[3] | residue[4] | residue[5] | residue[6]
    ) == 0


@internal
@pure
def hash_points(points: DynArray[uint256, MAX_POINTS]) -> bytes32:
    """
    @notice The hash of the points, 32 bytes each.
    """
    encoded: Bytes[32 * MAX_POINTS + 64] = abi_encode(points)
    return keccak256(slice(encoded, 64, 32 * len(points)))


@internal
@pure
def candidate(transcript: bytes32, nonce: uint256) -> uint256:
    """
    @notice A candidate for the challenge: 256 bits of hash, made 3 modulo 4.
    """
    return convert(keccak256(abi_encode(transcript, nonce)), uint256) | 3


@internal
@view
def is_probable_prime(number: uint256) -> bool:
    """
    @notice Whether a number that is 3 modulo 4 passes all Miller-Rabin rounds.
    """
    half: uint256 = number >> 1
    word: uint256 = 32
    for i: uint256 in range(ROUNDS):
        base: bytes32 = keccak256(abi_encode(number, i))
        power: uint256 = convert(
            raw_call(
                MODEXP,
                abi_encode(word, word, word, base, half, number),
                max_outsize=32,
                is_static_call=True,
            ),
            uint256,
        )
        if power != 1 and power != unsafe_sub(number, 1):
            return False
    return True


@internal
@pure
def product(points: DynArray[uint256, MAX_POINTS], modulus: uint256) -> uint256:
    """
    @notice The product of the points' elements, modulo the challenge.
    @dev Written out for the four words of an element, which is a third cheaper than a loop.
    """
    # 2^256 modulo the challenge: the weight of a word.
    weight: uint256 = unsafe_sub(0, modulus) % modulus
    tag: bytes32 = ELEMENT_TAG
    total: uint256 = 1
    for point: uint256 in points:
        element: uint256 = TOP_BIT | convert(
            keccak256(abi_encode(tag, point, empty(uint256))), uint256
        )
        element = uint256_addmod(
            uint256_mulmod(element, weight, modulus),
            convert(keccak256(abi_encode(tag, point, ONE)), uint256),
            modulus,
        )
        element = uint256_addmod(
            uint256_mulmod(element, weight, modulus),
            convert(keccak256(abi_encode(tag, point, TWO)), uint256),
            modulus,
        )
        element = uint256_addmod(
            uint256_mulmod(element, weight, modulus),
            convert(keccak256(abi_encode(tag, point, THREE)), uint256) | 1,
            modulus,
        )
        total = uint256_mulmod(total, element, modulus)
    return total


@internal
@view
def power(base: uint256[8], exponent: uint256) -> uint256[8]:
    """
    @notice A power modulo RSA-2048.
    """
    size: uint256 = 256
    word: uint256 = 32
    return abi_decode(
        raw_call(
            MODEXP,
            abi_encode(size, word, size, base, exponent, MODULUS),
            max_outsize=256,
            is_static_call=True,
        ),
        uint256[8],
    )


@internal
@view
def is_product(left: uint256[8], right: uint256[8], result: uint256[8]) -> bool:
    """
    @notice Whether left * right = result modulo RSA-2048, for three residues.
    @dev (left + right)^2 = (left - right)^2 + 4 * result: squares are powers, sums are cheap, and
         four is invertible.
    """
    first: uint256[9] = empty(uint256[9])
    second: uint256[9] = empty(uint256[9])
    carry: uint256 = 0
    borrow: uint256 = 0
    for k: uint256 in range(8):
        i: uint256 = unsafe_sub(7, k)
        a: uint256 = left[i]
        b: uint256 = right[i]
        total: uint256 = unsafe_add(a, b)
        carried: uint256 = unsafe_add(total, carry)
        carry = convert(total < a or carried < total, uint256)
        first[unsafe_add(i, 1)] = carried
        rest: uint256 = unsafe_sub(a, b)
        borrowed: uint256 = unsafe_sub(rest, borrow)
        borrow = convert(a < b or rest < borrow, uint256)
        second[unsafe_add(i, 1)] = borrowed
    first[0] = carry
    if borrow == 1:
        # left < right: the difference the other way round.
        borrow = 0
        for k: uint256 in range(8):
            i: uint256 = unsafe_sub(8, k)
            word: uint256 = second[i]
            second[i] = unsafe_sub(unsafe_sub(0, word), borrow)
            borrow = convert(word != 0 or borrow == 1, uint256)
    # The square of the difference and four times the result, in nine words.
    squared: uint256[8] = self.power_of_sum(second, 2)
    over: uint256 = 0
    carry = 0
    for k: uint256 in range(8):
        i: uint256 = unsafe_sub(7, k)
        word: uint256 = result[i]
        quadruple: uint256 = unsafe_add(word << 2, over)
        over = word >> 254
        total: uint256 = unsafe_add(squared[i], quadruple)
        carried: uint256 = unsafe_add(total, carry)
        carry = convert(total < quadruple or carried < total, uint256)
        second[unsafe_add(i, 1)] = carried
    second[0] = over + carry
    return keccak256(abi_encode(self.power_of_sum(first, 2))) == keccak256(
        abi_encode(self.power_of_sum(second, 1))
    )


@internal
@view
def power_of_sum(base: uint256[9], exponent: uint256) -> uint256[8]:
    """
    @notice A power modulo RSA-2048 of a number of nine words.
    """
    size: uint256 = 256
    word: uint256 = 32
    length: uint256 = 288
    return abi_decode(
        raw_call(
            MODEXP,
            abi_encode(length, word, size, base, exponent, MODULUS),
            max_outsize=256,
            is_static_call=True,
        ),
        uint256[8],
    )
