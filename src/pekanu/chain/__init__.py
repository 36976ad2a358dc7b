"""The one door to Ethereum: connections, accounts, transactions, events, the contracts' addresses.

See README.md beside this file for how a transaction and an event travel.
"""

from pekanu.chain.account import Account
from pekanu.chain.anvil import AnvilMissing, fetch_anvil, find_anvil
from pekanu.chain.block import Block, Log, Receipt
from pekanu.chain.connection import Connection, ConnectionOptions, RpcError, Unreachable
from pekanu.chain.deploy import AddressBook, Deployment, deploy
from pekanu.chain.devnet import DEVNET_CHAIN_ID, Devnet, DevnetOptions
from pekanu.chain.events import MarketEvent, TaskEvent, decode_event
from pekanu.chain.keystore import Keystore, StoredAccount
from pekanu.chain.market_contract import MarketContract
from pekanu.chain.pending import (
    Attempt,
    Call,
    MemoryPendingStore,
    PendingState,
    PendingStore,
    PendingTransaction,
)
from pekanu.chain.stream import Cursor, EventBatch, EventStream, Rollback, StreamOptions
from pekanu.chain.transactions import Sender, SenderOptions

__all__ = [
    "DEVNET_CHAIN_ID",
    "Account",
    "AddressBook",
    "AnvilMissing",
    "Attempt",
    "Block",
    "Call",
    "Connection",
    "ConnectionOptions",
    "Cursor",
    "Deployment",
    "Devnet",
    "DevnetOptions",
    "EventBatch",
    "EventStream",
    "Keystore",
    "Log",
    "MarketContract",
    "MarketEvent",
    "MemoryPendingStore",
    "PendingState",
    "PendingStore",
    "PendingTransaction",
    "Receipt",
    "Rollback",
    "RpcError",
    "Sender",
    "SenderOptions",
    "StoredAccount",
    "StreamOptions",
    "TaskEvent",
    "Unreachable",
    "decode_event",
    "deploy",
    "fetch_anvil",
    "find_anvil",
]
