"""`pekanu account`: keyfiles, balances, and money in and out of the market.

Not here: how keys are stored (`pekanu.chain`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pekanu.cli.commands import command
from pekanu.cli.market import MarketDoor, make_sender, open_market
from pekanu.cli.output import note, print_fields, print_json, print_table
from pekanu.cli.session import Session
from pekanu.errors import InsufficientFunds, KeystoreError, NotDeployed, UsageError
from pekanu.types import Address, Wei, format_wei, parse_address, parse_wei

if TYPE_CHECKING:
    from pekanu.chain import Receipt, StoredAccount

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of your choice.")]
_Amount = Annotated[
    list[str], typer.Argument(metavar="AMOUNT", help='Such as "0.5 ether", "3 gwei" or "100 wei".')
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Accounts: keyfiles, balances, deposits.", no_args_is_help=True)
    command(group, "new", epilog="Example: pekanu account new alice")(_new)
    command(group, "list")(_list)
    example = "Example: pekanu account import alice --key-file alice.key"
    command(group, "import", epilog=example)(_import)
    command(group, "balance", epilog="Example: pekanu account balance alice")(_balance)
    command(group, "deposit", epilog="Example: pekanu account deposit 1 ether")(_deposit)
    command(group, "withdraw", epilog="Example: pekanu account withdraw all")(_withdraw)
    app.add_typer(group, name="account")


def _new(session: Session, name: _Name) -> None:
    """Make a new account in an encrypted keyfile."""
    password = session.read_password(name, is_new=True)
    _print_stored(session, session.keystore.create(name, password))


def _list(session: Session) -> None:
    """List the accounts that are stored here."""
    stored = session.keystore.list()
    if session.as_json:
        print_json([{"name": one.name, "address": one.address} for one in stored])
        return
    rows = [(one.name, one.address) for one in stored]
    print_table(("name", "address"), rows, empty=f"there is no account in {session.home}")


def _import(
    session: Session,
    name: _Name,
    *,
    key_file: Annotated[
        Path | None, typer.Option(help="File with the private key in hex; - reads stdin.")
    ] = None,
    keyfile: Annotated[
        Path | None, typer.Option(help="Another program's keyfile, under the same password.")
    ] = None,
    devnet: Annotated[
        int | None,
        typer.Option(min=0, max=99, help="Number of a development chain's account; worthless."),
    ] = None,
) -> None:
    """Store an account that exists: give exactly one of the three options."""
    if sum(source is not None for source in (key_file, keyfile, devnet)) != 1:
        raise UsageError("give exactly one of --key-file, --keyfile and --devnet")
    if keyfile is not None:
        password = session.read_password(name)
        stored = session.keystore.import_file(name, keyfile, password)
    else:
        key = _read_devnet_key(devnet) if key_file is None else _read_key(key_file)
        password = session.read_password(name, is_new=True)
        stored = session.keystore.import_key(name, key, password)
    _print_stored(session, stored)


def _read_devnet_key(index: int | None) -> str:
    from pekanu.chain.account import get_development_keys

    number = index or 0
    return get_development_keys(number + 1)[number]


def _read_key(path: Path) -> str:
    try:
        text = sys.stdin.read(200) if str(path) == "-" else path.open().read(200)
    except (OSError, UnicodeDecodeError) as error:
        raise KeystoreError(f"the key file {path} cannot be read") from error
    return text.strip()


def _print_stored(session: Session, stored: StoredAccount) -> None:
    if session.as_json:
        document = {"name": stored.name, "address": stored.address, "path": str(stored.path)}
        print_json(document)
        return
    print_fields([("name", stored.name), ("address", stored.address)])
    note(f"stored in {stored.path}")


async def _balance(
    session: Session,
    who: Annotated[
        str | None,
        typer.Argument(metavar="ACCOUNT", help="Name or address; else that of --account."),
    ] = None,
) -> None:
    """Show an account's money: in its wallet, and free in the market."""
    address = find_address(session, who)
    async with session.connect() as chain:
        wallet = await chain.get_balance(address)
        chain_id = chain.chain_id
    try:
        async with open_market(session) as door:
            free: Wei | None = await door.contract.fetch_ledger(address)
    except NotDeployed:
        free = None
    if session.as_json:
        document = {
            "address": address,
            "chain_id": chain_id,
            "wallet_wei": str(wallet),
            "market_wei": None if free is None else str(free),
        }
        print_json(document)
        return
    market = "no market is known on this chain" if free is None else format_wei(free)
    print_fields([("address", address), ("wallet", format_wei(wallet)), ("market", market)])


def find_address(session: Session, who: str | None) -> Address:
    """Return the address of an account by name or address, or of the chosen one."""
    name = session.get_account_name() if who is None else who
    return parse_address(name) if name.startswith("0x") else session.keystore.find(name).address


async def _deposit(session: Session, amount: _Amount) -> None:
    """Put money into the market: a worker's collateral, or a client's price."""
    wei = _parse_amount(amount)
    async with open_market(session) as door:
        sender = make_sender(session, door.chain)
        receipt = await sender.send(door.contract.deposit(wei), key="deposit")
        await _print_moved(session, door, receipt, moved=wei)


async def _withdraw(session: Session, amount: _Amount) -> None:
    """Take free money out of the market: an amount, or ``all``."""
    wanted = None if [part.lower() for part in amount] == ["all"] else _parse_amount(amount)
    async with open_market(session) as door:
        sender = make_sender(session, door.chain)
        free = await door.contract.fetch_ledger(sender.account.address)
        wei = free if wanted is None else wanted
        if wei > free or free == 0:
            raise InsufficientFunds(
                f"{sender.account.address} has {format_wei(free)} free in the market",
                hint="money in live tasks comes free when they end",
            )
        receipt = await sender.send(door.contract.withdraw(wei), key="withdraw")
        await _print_moved(session, door, receipt, moved=wei)


def _parse_amount(words: list[str]) -> Wei:
    amount = parse_wei(" ".join(words))
    if amount == 0:
        raise UsageError("the amount is zero")
    return amount


async def _print_moved(session: Session, door: MarketDoor, receipt: Receipt, *, moved: Wei) -> None:
    wallet = await door.chain.get_balance(receipt.sender)
    free = await door.contract.fetch_ledger(receipt.sender)
    transaction = "0x" + receipt.transaction.hex()
    if session.as_json:
        document = {
            "address": receipt.sender,
            "amount_wei": str(moved),
            "transaction": transaction,
            "gas_used": receipt.gas_used,
            "fee_wei": str(receipt.fee),
            "wallet_wei": str(wallet),
            "market_wei": str(free),
        }
        print_json(document)
        return
    print_fields([("wallet", format_wei(wallet)), ("market", format_wei(free))])
    note(f"{format_wei(moved)} moved, fee {format_wei(receipt.fee)}, transaction {transaction}")
