"""End-to-end protection of one request and its response, whatever carries them.

A handshake in one round trip, composed of libsodium boxes as Noise composes its pattern IK;
the parts behind it are sealed by AES-256-GCM (`channel_stream`).
Write S for the worker's static channel key (announced on chain), s for the client's (bound by
its wallet), e and E for the fresh keys of client and worker, one of each a request:

    k0 = H(domain, worker, S, path, epoch, e)       what the exchange is about
    k1 = H(k0, box(e, S))                           seals the client's binding and the time
    k2 = H(k1, box(s, S), binding and time)         seals the request: only s or S makes it
    k3 = H(k2, box(e, E), box(s, E), E)             seals the response

So both ends are authenticated, the request cannot be moved to another worker, market, path or
time, and the response belongs to this request and no other. Responses are forward secret: once e
and E are forgotten, no static key opens them. Requests are not against a later theft of S.
Whoever steals S can pose as any client towards that worker, and no further: what moves money is
signed by wallets, not by channel keys.

A request goes through at most once: `epoch` names the worker's running process, e is
remembered while its time is acceptable. Before a client is authenticated the worker spends one
box on some 250 bytes, and on a wallet that it does not know one signature check from a rationed
supply.
What is not here: HTTP (`peer_server`, `peer_client`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from struct import Struct
from typing import Final

from eth_utils.address import to_checksum_address
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey

from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.market.task import MarketDomain
from pekanu.node.channel_keys import ChannelBinding, ChannelIdentity
from pekanu.node.channel_stream import HEADER_SIZE, StreamOpener, StreamSealer
from pekanu.node.rations import Ration
from pekanu.types import Address

MAGIC: Final = b"PKN1"
EPOCH_SIZE: Final = 16
_KEY_SIZE: Final = 32
_TAG_SIZE: Final = 16
#: Time, owner, key, expiry, signature.
_CLAIMS: Final = Struct("<Q20s32sQ65s")
#: Each key seals a single text, so its nonce is constant.
_NONCE: Final = bytes(24)
#: Bytes before the first part of a request, and of a response.
REQUEST_PREFIX_SIZE: Final = (
    len(MAGIC) + EPOCH_SIZE + _KEY_SIZE + _CLAIMS.size + _TAG_SIZE + HEADER_SIZE
)
RESPONSE_PREFIX_SIZE: Final = _KEY_SIZE + HEADER_SIZE
#: Bytes of a request's first part, its message: little, for it is held before it is authenticated.
MESSAGE_SIZE: Final = 1 << 16


class ChannelRefused(InvalidMessage):
    """A request is not admitted to the channel.

    Args:
        code: ``malformed``, ``epoch``, ``time``, ``replay``, ``binding`` or ``busy``.
        message: One sentence.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelContext:
    """What an exchange is about: both ends must have the same in mind."""

    domain: MarketDomain
    worker: Address
    #: The worker's static channel key.
    worker_key: bytes
    #: The worker's running process.
    epoch: bytes
    #: Method and path, such as ``POST /peer/v1/quote``.
    path: str

    def digest(self, fresh_key: bytes) -> bytes:
        """Return k0 for a client's fresh key."""
        fixed = (
            self.domain.separator()
            + bytes.fromhex(self.worker[2:])
            + self.worker_key
            + self.epoch
            + fresh_key
        )
        return _hash(fixed + self.path.encode())


def _hash(data: bytes, key: bytes = b"") -> bytes:
    return blake2b(data, key=key, digest_size=32, person=b"pekanu channel 1").digest()


def _box(secret: PrivateKey, public: bytes) -> bytes:
    try:
        return bytes(Box(secret, PublicKey(public)).shared_key())
    except (CryptoError, RuntimeError, TypeError, ValueError) as error:
        raise ChannelRefused("malformed", "the peer's key is no X25519 key") from error


class ClientExchange:
    """The client's side of one request and its response.

    Args:
        identity: The client's own keys.
        context: What the exchange is about.
        now: Wall clock.
    """

    def __init__(self, identity: ChannelIdentity, context: ChannelContext, *, now: float) -> None:
        """Draw the fresh key and derive the request's."""
        self._fresh, self._static = PrivateKey.generate(), identity.secret
        fresh_key, binding = bytes(self._fresh.public_key), identity.binding
        claims = _CLAIMS.pack(
            int(now),
            bytes.fromhex(binding.owner[2:]),
            binding.key,
            binding.expiry,
            binding.signature,
        )
        first = _hash(_box(self._fresh, context.worker_key), context.digest(fresh_key))
        sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(claims, None, _NONCE, first)
        self._key = _hash(_box(self._static, context.worker_key) + claims, first)
        #: Seals the request's parts.
        self.sealer = StreamSealer(_hash(b"request", self._key))
        #: What precedes them.
        self.prefix = MAGIC + context.epoch + fresh_key + sealed + self.sealer.header

    def open_response(self, prefix: bytes) -> StreamOpener:
        """Return what opens the parts of the response that begins with this prefix.

        Raises:
            InvalidMessage: The prefix is malformed.
        """
        if len(prefix) != RESPONSE_PREFIX_SIZE:
            raise InvalidMessage("the peer's response is cut off")
        fresh_key, header = prefix[:_KEY_SIZE], prefix[_KEY_SIZE:]
        shared = _box(self._fresh, fresh_key) + _box(self._static, fresh_key)
        return StreamOpener(_hash(shared + fresh_key, self._key), header)


class ServerExchange:
    """The worker's side of one request and its response, made by `ServerChannel.admit`."""

    def __init__(self, peer: Address, keys: tuple[bytes, bytes, bytes], header: bytes) -> None:
        """Keep the wallet that asks and (k2, e, s)."""
        #: Authenticated once the first part is opened.
        self.peer = peer
        self._key, self.fresh_key, self._static_key = keys
        #: Opens the request's parts.
        self.opener = StreamOpener(_hash(b"request", self._key), header, first_size=MESSAGE_SIZE)

    def seal_response(self) -> tuple[bytes, StreamSealer]:
        """Return the response's prefix and what seals its parts; to be called once."""
        fresh = PrivateKey.generate()
        fresh_key = bytes(fresh.public_key)
        shared = _box(fresh, self.fresh_key) + _box(fresh, self._static_key)
        sealer = StreamSealer(_hash(shared + fresh_key, self._key))
        return fresh_key + sealer.header, sealer


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelLimits:
    """What the worker's side of the channel bounds."""

    #: Seconds by which the two wall clocks may differ.
    clock_skew: int = 120
    #: Requests remembered against replay; when full of live ones, new requests wait.
    remembered_requests: int = 1 << 17
    #: Wallets' signatures remembered.
    remembered_bindings: int = 4096
    #: Signatures of unknown wallets checked a second.
    signature_checks: float = 20.0


class ServerChannel:
    """The worker's end of the channel: admits requests.

    Args:
        identity: The worker's own keys.
        domain: The market whose wallets are served.
        clock: Wall clock in seconds.
        limits: What to bound.
    """

    def __init__(
        self,
        identity: ChannelIdentity,
        domain: MarketDomain,
        *,
        clock: Callable[[], float],
        limits: ChannelLimits | None = None,
    ) -> None:
        """Name this process by a fresh epoch."""
        self.identity, self.domain, self.epoch = identity, domain, token_bytes(EPOCH_SIZE)
        self._limits, self._clock = limits or ChannelLimits(), clock
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._bindings: OrderedDict[ChannelBinding, None] = OrderedDict()
        self._checks = Ration(self._limits.signature_checks, burst=100)

    def admit(self, prefix: bytes, path: str) -> ServerExchange:
        """Return the exchange that a request's prefix begins.

        The peer is authenticated only when the first part opens; then call `confirm`.

        Raises:
            ChannelRefused: It is not for this process, not in time, not bound to a wallet.
        """
        if len(prefix) != REQUEST_PREFIX_SIZE or not prefix.startswith(MAGIC):
            raise ChannelRefused("malformed", "the request does not begin as one of this protocol")
        rest = prefix[len(MAGIC) :]
        epoch, rest = rest[:EPOCH_SIZE], rest[EPOCH_SIZE:]
        if epoch != self.epoch:
            raise ChannelRefused("epoch", "the worker was restarted; ask for its identity again")
        fresh_key, sealed, header = (
            rest[:_KEY_SIZE],
            rest[_KEY_SIZE:-HEADER_SIZE],
            rest[-HEADER_SIZE:],
        )
        if fresh_key in self._seen:
            raise ChannelRefused("replay", "the request was made before")
        first, claims = self._open_claims(fresh_key, sealed, path)
        binding = self._check_claims(claims)
        second = _hash(_box(self.identity.secret, binding.key) + claims, first)
        return ServerExchange(binding.owner, (second, fresh_key, binding.key), header)

    def confirm(self, exchange: ServerExchange) -> None:
        """Remember an authenticated request, so that it goes through once.

        Raises:
            ChannelRefused: It was made before, or too many are remembered.
        """
        if exchange.fresh_key in self._seen:
            raise ChannelRefused("replay", "the request was made before")
        now = int(self._clock())
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
        if len(self._seen) >= self._limits.remembered_requests:
            raise ChannelRefused("busy", "the worker answers too many requests")
        # A request may come from a clock that is ahead by the skew, and live for it twice.
        self._seen[exchange.fresh_key] = now + 2 * self._limits.clock_skew + 1

    def _open_claims(self, fresh_key: bytes, sealed: bytes, path: str) -> tuple[bytes, bytes]:
        own = self.identity
        context = ChannelContext(
            domain=self.domain,
            worker=own.binding.owner,
            worker_key=own.binding.key,
            epoch=self.epoch,
            path=path,
        )
        first = _hash(_box(own.secret, fresh_key), context.digest(fresh_key))
        try:
            claims = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, None, _NONCE, first)
        except CryptoError as error:
            raise ChannelRefused("malformed", "the request is not sealed to this worker") from error
        return first, claims

    def _check_claims(self, claims: bytes) -> ChannelBinding:
        time, owner, key, expiry, signature = _CLAIMS.unpack(claims)
        now = self._clock()
        if abs(now - time) > self._limits.clock_skew:
            raise ChannelRefused("time", f"the clocks differ by {abs(now - time):.0f} seconds")
        binding = ChannelBinding(
            owner=Address(to_checksum_address(owner)), key=key, expiry=expiry, signature=signature
        )
        if binding in self._bindings and now <= expiry:
            self._bindings.move_to_end(binding)
            return binding
        if not self._checks.take(now):
            raise ChannelRefused("busy", "too many unknown wallets are asking")
        try:
            binding.validate(self.domain, now)
        except InvalidProof as error:
            raise ChannelRefused("binding", error.message) from error
        self._bindings[binding] = None
        if len(self._bindings) > self._limits.remembered_bindings:
            self._bindings.popitem(last=False)
        return binding
