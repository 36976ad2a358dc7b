"""The dialog before anything is signed: the call is simulated, and decoded from its bytes.

What is not here: sending (`actions`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.chain import AddressBook, Call, Connection
from pekanu.chain.simulation import estimate_gas, fetch_fees
from pekanu.errors import ChainError
from pekanu.types import Address, Wei, format_wei
from pekanu.web.decoding import decode_call
from pekanu.web.views.review import CallView
from pekanu.web.wording import build_money, link_address


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """What a call would do."""

    view: CallView
    #: 0 when it would fail.
    gas: int
    max_fee: Wei
    tip: Wei
    #: Why it would fail; empty when it would not.
    refusal: str
    refusal_hint: str


def view_call(book: AddressBook, call: Call) -> CallView:
    """Return a call decoded from its bytes, by the contract that stands at its address."""
    contract = next((name for name, one in book.contracts.items() if one.address == call.to), "")
    name, arguments = decode_call(call.data, contract) if contract else ("", ())
    return CallView(
        contract=contract or "another contract",
        to=link_address(call.to or Address("0x")),
        function=name or "unknown",
        arguments=arguments,
        value=build_money(call.value),
        data="0x" + call.data.hex(),
        gas="",
        fee="",
    )


async def simulate(chain: Connection, book: AddressBook, sender: Address, call: Call) -> Simulation:
    """Return what a call would do if it were sent now."""
    view = view_call(book, call)
    fees = await fetch_fees(chain)
    try:
        gas = await estimate_gas(chain, sender, call)
    except ChainError as error:
        return Simulation(
            view=view,
            gas=0,
            max_fee=fees.max_fee,
            tip=fees.tip,
            refusal=error.message,
            refusal_hint=error.hint or "",
        )
    cost = Wei(gas * fees.max_fee)
    return Simulation(
        view=CallView(
            contract=view.contract,
            to=view.to,
            function=view.function,
            arguments=view.arguments,
            value=view.value,
            data=view.data,
            gas=f"{gas:,}",
            fee=format_wei(cost),
        ),
        gas=gas,
        max_fee=fees.max_fee,
        tip=fees.tip,
        refusal="",
        refusal_hint="",
    )
