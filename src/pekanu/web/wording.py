"""Amounts, times, sizes, hashes and states in words and links, as all pages have them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from pekanu.market.state import Status
from pekanu.types import Address, Wei, format_wei
from pekanu.web.views.shell import Figure, Link, Moment, Money, Tone
from pekanu.web.views.task import StateBadge

_KILO: Final = 1024
_TONES: Final = {
    Status.OPEN: Tone.WAITING,
    Status.ACCEPTED: Tone.ACTIVE,
    Status.DELIVERED: Tone.ACTIVE,
    Status.DEMANDED: Tone.WAITING,
    Status.CANCELLED: Tone.NEUTRAL,
    Status.EXPIRED: Tone.BAD,
    Status.SETTLED: Tone.GOOD,
    Status.FORFEITED: Tone.BAD,
    Status.REFUTED: Tone.BAD,
    Status.RESOLVED: Tone.NEUTRAL,
}
_PREPARATIONS: Final = {
    "preparing": ("Preparing", Tone.ACTIVE),
    "ordered": ("Asking the worker", Tone.ACTIVE),
    "failed": ("Failed", Tone.BAD),
}


#: Before an amount of which digits were left out.
ABOUT: Final = "\N{ALMOST EQUAL TO} "


def build_money(wei: int) -> Money:
    """Return an amount."""
    text = format_wei(Wei(wei))
    return Money(text=text, wei=str(wei), short=_shorten(text))


def _shorten(text: str) -> str:
    """Return an amount with four decimals, or three digits where that is more."""
    number, _, unit = text.partition(" ")
    whole, _, decimals = number.partition(".")
    zeros = len(decimals) - len(decimals.lstrip("0"))
    kept = decimals[: max(4, zeros + 3 if whole == "0" else 0)]
    if kept == decimals:
        return text
    digits = f"{whole}.{kept}".rstrip("0").rstrip(".")
    return f"{ABOUT}{digits} {unit}"


def build_amount(title: str, wei: int, note: str = "") -> Figure:
    """Return an amount as a figure."""
    money = build_money(wei)
    return Figure(title=title, value=money.short, note=note, exact=money.text)


def build_moment(seconds: int) -> Moment:
    """Return a point of chain time."""
    when = datetime.fromtimestamp(min(seconds, 253402300799), UTC)
    return Moment(
        unix=seconds,
        iso=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        text=when.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


def link_address(address: Address, name: str = "") -> Link:
    """Return an address with its page in the explorer."""
    return Link(
        full=address,
        short=f"{address[:8]}…{address[-4:]}",
        href=f"/explorer/{address}",
        name=name,
    )


def link_transaction(digest: bytes) -> Link:
    """Return a transaction's hash with its page."""
    text = "0x" + digest.hex()
    return Link(full=text, short=f"{text[:10]}…", href=f"/explorer/{text}")


def link_block(number: int) -> Link:
    """Return a block's number with its page."""
    return Link(full=str(number), short=f"{number:,}", href=f"/explorer/{number}")


def link_task(task_id: bytes) -> Link:
    """Return a task with its page."""
    text = "0x" + task_id.hex()
    return Link(full=text, short=text[:10], href=f"/tasks/{text}")


def build_badge(status: Status) -> StateBadge:
    """Return the badge of a state on chain."""
    name = status.name.lower()
    return StateBadge(
        name=name, title=name.capitalize(), tone=_TONES[status], explain=f"/explain/{name}"
    )


def build_preparation(name: str) -> StateBadge:
    """Return the badge of a job that is not on chain: preparing, ordered or failed."""
    title, tone = _PREPARATIONS[name]
    return StateBadge(name=name, title=title, tone=tone, explain="")


def format_span(seconds: int) -> str:
    """Return a span of time in its two largest units, such as ``1 h 5 min``."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def format_size(size_bytes: int) -> str:
    """Return a size, such as ``12.5 KiB``."""
    if size_bytes < _KILO:
        return f"{size_bytes} byte{'' if size_bytes == 1 else 's'}"
    size, unit = float(size_bytes), "bytes"
    for unit in ("KiB", "MiB", "GiB"):  # noqa: B007 - the unit is used behind the loop
        size /= _KILO
        if size < _KILO:
            break
    return f"{size:.1f} {unit}"


def format_steps(steps: int) -> str:
    """Return a number of steps, such as ``4.2 million steps``."""
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if steps >= size:
            return f"{steps / size:.1f} {word} steps"
    return f"{steps:,} steps"
