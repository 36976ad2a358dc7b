"""The channel: what goes through, and every way in which a request must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from nacl.public import PrivateKey

from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.market.task import MarketDomain
from pekanu.node.channel import (
    MAGIC,
    REQUEST_PREFIX_SIZE,
    RESPONSE_PREFIX_SIZE,
    ChannelContext,
    ChannelLimits,
    ChannelRefused,
    ClientExchange,
    ServerChannel,
    ServerExchange,
)
from pekanu.node.channel_keys import BINDING_LIFETIME, ChannelIdentity
from pekanu.node.channel_stream import PART_SIZE, StreamOpener, StreamSealer
from support.peers import CLIENT, DOMAIN, WORKER, Wallet

NOW = 1_800_000_000.0
PATH = "POST /peer/v1/quote"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> ChannelIdentity:
    return ChannelIdentity.from_wallet(CLIENT, DOMAIN, now=NOW)


@pytest.fixture
def server(clock: Clock) -> ServerChannel:
    identity = ChannelIdentity.from_wallet(WORKER, DOMAIN, now=NOW)
    return ServerChannel(identity, DOMAIN, clock=clock)


def build_context(server: ServerChannel) -> ChannelContext:
    return ChannelContext(
        domain=DOMAIN,
        worker=WORKER.address,
        worker_key=server.identity.binding.key,
        epoch=server.epoch,
        path=PATH,
    )


def begin(
    client: ChannelIdentity, server: ServerChannel, *, now: float = NOW
) -> tuple[ClientExchange, bytes]:
    """Return an exchange and its first part, which is the last."""
    exchange = ClientExchange(client, build_context(server), now=now)
    return exchange, exchange.sealer.seal(b"hello", is_last=True)


def admit(server: ServerChannel, prefix: bytes, part: bytes, path: str = PATH) -> ServerExchange:
    exchange = server.admit(prefix, path)
    assert list(exchange.opener.feed(part)) == [b"hello"]
    server.confirm(exchange)
    return exchange


def test_exchange__when_both_are_right__then_request_and_response_go_through(
    client: ChannelIdentity, server: ServerChannel
) -> None:
    exchange, part = begin(client, server)
    assert len(exchange.prefix) == REQUEST_PREFIX_SIZE
    seen = admit(server, exchange.prefix, part)
    assert seen.peer == CLIENT.address
    prefix, sealer = seen.seal_response()
    assert len(prefix) == RESPONSE_PREFIX_SIZE
    opener = exchange.open_response(prefix)
    assert list(opener.feed(sealer.seal(b"a", is_last=False))) == [b"a"]
    assert list(opener.feed(sealer.seal(b"b", is_last=True))) == [b"b"]
    opener.finish()


def test_exchange__when_on_the_wire__then_neither_wallet_nor_text_is_seen(
    client: ChannelIdentity, server: ServerChannel
) -> None:
    exchange, part = begin(client, server)
    wire = exchange.prefix + part
    assert b"hello" not in wire
    assert bytes.fromhex(CLIENT.address[2:]) not in wire
    assert client.binding.key not in wire


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "POST /peer/v1/key"},
        {"worker": CLIENT.address},
        {"domain": MarketDomain(chain_id=1, market=DOMAIN.market)},
        {"worker_key": bytes(PrivateKey.generate().public_key)},
    ],
)
def test_admit__when_the_request_is_meant_for_something_else__then_refused(
    client: ChannelIdentity, server: ServerChannel, changed: dict[str, object]
) -> None:
    context = replace(build_context(server), **changed)  # type: ignore[arg-type]
    exchange = ClientExchange(client, context, now=NOW)
    with pytest.raises(ChannelRefused, match="not sealed to this worker"):
        server.admit(exchange.prefix, PATH)


def test_admit__when_the_request_is_for_an_earlier_process__then_refused(
    client: ChannelIdentity, server: ServerChannel, clock: Clock
) -> None:
    exchange, _ = begin(client, server)
    restarted = ServerChannel(server.identity, DOMAIN, clock=clock)
    with pytest.raises(ChannelRefused) as caught:
        restarted.admit(exchange.prefix, PATH)
    assert caught.value.code == "epoch"


def test_admit__when_the_request_is_replayed__then_refused(
    client: ChannelIdentity, server: ServerChannel, clock: Clock
) -> None:
    exchange, part = begin(client, server)
    admit(server, exchange.prefix, part)
    with pytest.raises(ChannelRefused) as caught:
        server.admit(exchange.prefix, PATH)
    assert caught.value.code == "replay"
    for _ in range(5):  # never again, however the clock goes on
        clock.now += 60
        with pytest.raises(ChannelRefused):
            server.admit(exchange.prefix, PATH)


def test_confirm__when_two_copies_come_at_once__then_one_goes_through(
    client: ChannelIdentity, server: ServerChannel
) -> None:
    exchange, part = begin(client, server)
    copies = [server.admit(exchange.prefix, PATH) for _ in range(2)]
    for copy in copies:
        list(copy.opener.feed(part))
    server.confirm(copies[0])
    with pytest.raises(ChannelRefused):
        server.confirm(copies[1])


@pytest.mark.parametrize(
    ("skew", "is_admitted"), [(-121, False), (-119, True), (119, True), (121, False)]
)
def test_admit__when_the_clocks_differ__then_by_the_bound(
    client: ChannelIdentity, server: ServerChannel, skew: int, *, is_admitted: bool
) -> None:
    exchange, part = begin(client, server, now=NOW + skew)
    if is_admitted:
        admit(server, exchange.prefix, part)
        return
    with pytest.raises(ChannelRefused) as caught:
        server.admit(exchange.prefix, PATH)
    assert caught.value.code == "time"


def test_admit__when_the_wallet_did_not_sign__then_refused(server: ServerChannel) -> None:
    own = ChannelIdentity.from_wallet(Wallet("mallory"), DOMAIN, now=NOW)
    forged = ChannelIdentity(own.secret, replace(own.binding, owner=CLIENT.address))
    exchange, _ = begin(forged, server)
    with pytest.raises(ChannelRefused, match="did not sign") as caught:
        server.admit(exchange.prefix, PATH)
    assert caught.value.code == "binding"


@pytest.mark.parametrize("signature", [bytes(65), b"\xff" * 65, bytes(64) + b"\x1b"])
def test_admit__when_the_signature_is_nonsense__then_refused(
    client: ChannelIdentity, server: ServerChannel, signature: bytes
) -> None:
    forged = ChannelIdentity(client.secret, replace(client.binding, signature=signature))
    exchange, _ = begin(forged, server)
    with pytest.raises(ChannelRefused, match="did not sign"):
        server.admit(exchange.prefix, PATH)


def test_admit__when_the_wallet_signed_for_another_market__then_refused(
    server: ServerChannel,
) -> None:
    elsewhere = MarketDomain(chain_id=1, market=DOMAIN.market)
    exchange, _ = begin(ChannelIdentity.from_wallet(CLIENT, elsewhere, now=NOW), server)
    with pytest.raises(ChannelRefused, match="did not sign"):
        server.admit(exchange.prefix, PATH)


def test_admit__when_the_binding_is_expired__then_refused_though_it_was_known(
    client: ChannelIdentity, server: ServerChannel, clock: Clock
) -> None:
    admit(server, *_wire(begin(client, server)))
    clock.now = NOW + BINDING_LIFETIME + 1
    exchange, _ = begin(client, server, now=clock.now)
    with pytest.raises(ChannelRefused, match="expired"):
        server.admit(exchange.prefix, PATH)


def test_open__when_a_stolen_binding_is_used_without_its_key__then_nothing_opens(
    client: ChannelIdentity, server: ServerChannel
) -> None:
    thief = ChannelIdentity(PrivateKey.generate(), client.binding)
    exchange, part = begin(thief, server)
    seen = server.admit(exchange.prefix, PATH)
    with pytest.raises(InvalidMessage, match="forged"):
        list(seen.opener.feed(part))


def test_open_response__when_it_belongs_to_another_request__then_nothing_opens(
    client: ChannelIdentity, server: ServerChannel
) -> None:
    first, second = begin(client, server), begin(client, server)
    answer, sealer = admit(server, *_wire(first)).seal_response()
    opener = second[0].open_response(answer)
    with pytest.raises(InvalidMessage, match="forged"):
        list(opener.feed(sealer.seal(b"a", is_last=True)))


def test_open_response__when_another_than_the_worker_answers__then_nothing_opens(
    client: ChannelIdentity, server: ServerChannel, clock: Clock
) -> None:
    exchange, _ = begin(client, server)
    mallory = ChannelIdentity.from_wallet(Wallet("mallory"), DOMAIN, now=NOW)
    own = ServerChannel(mallory, DOMAIN, clock=clock)
    theirs = ClientExchange(
        client, replace(build_context(own), worker=mallory.binding.owner), now=NOW
    )
    answer, sealer = own.admit(theirs.prefix, PATH).seal_response()
    with pytest.raises(InvalidMessage, match="forged"):
        list(exchange.open_response(answer).feed(sealer.seal(b"a", is_last=True)))


@pytest.mark.parametrize("place", range(0, REQUEST_PREFIX_SIZE, 7))
def test_admit__when_one_bit_is_changed__then_refused_or_unreadable(
    client: ChannelIdentity, server: ServerChannel, place: int
) -> None:
    exchange, part = begin(client, server)
    prefix = bytearray(exchange.prefix)
    prefix[place] ^= 4
    with pytest.raises(InvalidMessage):
        list(server.admit(bytes(prefix), PATH).opener.feed(part))


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_admit__when_the_fresh_key_is_a_low_order_point__then_refused(
    server: ServerChannel, point: bytes
) -> None:
    prefix = MAGIC + server.epoch + point
    with pytest.raises(ChannelRefused):
        server.admit(prefix + bytes(REQUEST_PREFIX_SIZE - len(prefix)), PATH)


def test_admit__when_many_unknown_wallets_ask__then_signature_checks_are_rationed(
    clock: Clock, server: ServerChannel, client: ChannelIdentity
) -> None:
    limits = ChannelLimits(signature_checks=1.0)
    rationed = ServerChannel(server.identity, DOMAIN, clock=clock, limits=limits)
    admit(rationed, *_wire(begin(client, rationed)))
    forged = ChannelIdentity(client.secret, replace(client.binding, signature=bytes(65)))
    codes = []
    for _ in range(105):
        exchange, _ = begin(forged, rationed)
        with pytest.raises(ChannelRefused) as caught:
            rationed.admit(exchange.prefix, PATH)
        codes.append(caught.value.code)
    assert codes[0] == "binding"
    assert codes[-1] == "busy"
    admit(rationed, *_wire(begin(client, rationed)))  # who is known still comes through


def test_confirm__when_the_memory_is_full__then_busy_until_old_requests_are_forgotten(
    clock: Clock, server: ServerChannel, client: ChannelIdentity
) -> None:
    limits = ChannelLimits(remembered_requests=2)
    small = ServerChannel(server.identity, DOMAIN, clock=clock, limits=limits)
    for _ in range(2):
        admit(small, *_wire(begin(client, small)))
    with pytest.raises(ChannelRefused, match="too many requests"):
        admit(small, *_wire(begin(client, small)))
    clock.now += 300
    admit(small, *_wire(begin(client, small, now=clock.now)))


def _wire(begun: tuple[ClientExchange, bytes]) -> tuple[bytes, bytes]:
    return begun[0].prefix, begun[1]


@pytest.mark.parametrize("piece", [1, 5, 1000, 10_000_000])
def test_stream__when_fed_in_pieces__then_the_parts_come_out(piece: int) -> None:
    sealer = StreamSealer(bytes(32))
    parts = [b"", b"x", b"y" * 3000, b""]
    wire = b"".join(sealer.seal(part, is_last=index == 3) for index, part in enumerate(parts))
    opener = StreamOpener(bytes(32), sealer.header)
    seen = [
        part
        for start in range(0, len(wire), piece)
        for part in opener.feed(wire[start : start + piece])
    ]
    opener.finish()
    assert seen == parts


def test_stream__when_cut_off__then_its_end_is_missed() -> None:
    sealer = StreamSealer(bytes(32))
    opener = StreamOpener(bytes(32), sealer.header)
    list(opener.feed(sealer.seal(b"a", is_last=False)))
    with pytest.raises(InvalidMessage, match="cut off"):
        opener.finish()


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 1), (0, 2), (0, 1, 2, 2)])
def test_stream__when_reordered_repeated_or_dropped__then_forged(order: tuple[int, ...]) -> None:
    sealer = StreamSealer(bytes(32))
    frames = [sealer.seal(bytes([index]), is_last=index == 2) for index in range(3)]
    opener = StreamOpener(bytes(32), sealer.header)
    wire = b"".join(frames[index] for index in order)
    with pytest.raises(InvalidMessage):
        list(opener.feed(wire))


@pytest.mark.parametrize("size", [0, 16, PART_SIZE + 18, 0xFFFFFFFF])
def test_stream__when_a_length_is_out_of_bounds__then_refused_before_it_is_held(
    size: int,
) -> None:
    opener = StreamOpener(bytes(32), StreamSealer(bytes(32)).header)
    with pytest.raises(InvalidMessage, match=f"part of {size} bytes"):
        list(opener.feed(size.to_bytes(4, "little")))


def test_load__when_called_twice__then_the_key_stays_and_only_the_owner_reads_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("home") / "keys" / "channel.key"
    first = ChannelIdentity.load(path, WORKER, DOMAIN, now=NOW)
    second = ChannelIdentity.load(path, WORKER, DOMAIN, now=NOW)
    assert first.binding.key == second.binding.key
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"short")
    with pytest.raises(InvalidMessage, match="no channel key"):
        ChannelIdentity.load(path, WORKER, DOMAIN, now=NOW)


def test_validate__when_signed_by_the_owner__then_fine_until_it_expires() -> None:
    binding = ChannelIdentity.from_wallet(CLIENT, DOMAIN, now=NOW).binding
    binding.validate(DOMAIN, NOW)
    with pytest.raises(InvalidProof, match="expired"):
        binding.validate(DOMAIN, NOW + BINDING_LIFETIME + 1)
