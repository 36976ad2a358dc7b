"""A client among providers of other versions: it takes what it understands, and says what not."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from pekanu.chain import Account
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import OPEN, Name
from pekanu.node.provider.counter import ProviderCounter
from pekanu.node.storage.messages import ProviderInfo
from pekanu.node.storage.providers import NoProvider
from pekanu.node.storage.stored import StoreStep
from pekanu.types import Address, Wei
from support.storage import Depot, put


@dataclass(frozen=True, kw_only=True, slots=True)
class NewerInfo(ProviderInfo):
    """Of a version that says more."""

    __pydantic_config__ = OPEN

    weather: str = "fair"


@dataclass(frozen=True, kw_only=True, slots=True)
class OlderInfo(Message):
    """Of a version that promised no rebates yet."""

    provider: Address
    chain_id: int
    server: Address
    version: Name
    base_price: Wei
    gib_month_price: Wei
    penalty_factor: int
    least_penalty: Wei
    reservation_permille: int
    least_term: int
    most_term: int
    confirm_window: int
    response_window: int
    free_bytes: int
    most_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlienInfo(Message):
    """Of a version that says all else in other words."""

    version: str
    terms: str = "by arrangement"


def speak_as(patch: pytest.MonkeyPatch, kind: type[Message], version: str = "0.0.7") -> None:
    fetch = ProviderCounter.fetch_info

    async def fetch_other(self: ProviderCounter) -> Message:
        known = await fetch(self)
        names = {one.name for one in fields(kind)} & {one.name for one in fields(ProviderInfo)}
        return kind(**{name: getattr(known, name) for name in names} | {"version": version})

    patch.setattr(ProviderCounter, "fetch_info", fetch_other)


@pytest.mark.parametrize("kind", [OlderInfo, NewerInfo])
async def test_put__when_the_provider_is_older_or_newer__then_stored_with_it(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Message],
) -> None:
    speak_as(monkeypatch, kind)
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"of any version")
    assert (await put(storer, tmp_path / "file")).step is StoreStep.STORED


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("9.1.0", "it runs pekanu 9.1.0, and this is "),
        ("9\x1b[31m", "not a valid ProviderInfo"),
        ("9" * 33, "not a valid ProviderInfo"),
    ],
)
async def test_put__when_the_provider_cannot_be_understood__then_its_version_is_told(
    depot: Depot,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    sentence: str,
) -> None:
    speak_as(monkeypatch, AlienInfo, version)
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"of any version")
    with pytest.raises(NoProvider, match=sentence) as caught:
        await put(storer, tmp_path / "file")
    assert depot.provider.shop.desk.address in caught.value.message
    assert ("same version" in (caught.value.hint or "")) == (version == "9.1.0")


async def test_put__when_the_provider_is_announced_and_silent__then_that_is_said(
    depot: Depot, accounts: tuple[Account, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: ProviderCounter) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(ProviderCounter, "fetch_info", fail)
    storer = await depot.open_storer(accounts[0])
    (tmp_path / "file").write_bytes(b"of any version")
    with pytest.raises(NoProvider, match="makes no offer"):
        await put(storer, tmp_path / "file")
