"""A provider's figures for monitoring, in the text form that Prometheus reads.

Served apart from the clients' door, on this machine alone. Not here: what the figures mean for
money (`pekanu provider status`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from pekanu.node.provider.agreements import get_agreed_bytes
from pekanu.node.provider.provider import ProviderNode

_HELP: Final = {
    "pack_bytes": ("gauge", "Bytes of all packs."),
    "live_bytes": ("gauge", "Bytes of packs that a live agreement refers to."),
    "awaited_bytes": ("gauge", "Bytes that paid or quoted uploads still await."),
    "agreed_bytes": ("gauge", "Bytes of all held agreements, each counting its own."),
    "chunks": ("gauge", "Chunks held."),
    "live_agreements": ("gauge", "Agreements that are not over."),
    "free_deposit_wei": ("gauge", "Deposit that no agreement reserves."),
    "payments_total": ("counter", "Payments seen by this process."),
    "receipts_total": ("counter", "Receipts shown on chain by this process."),
    "answers_total": ("counter", "Answers to challenges sent by this process."),
    "failed_answers_total": ("counter", "Challenges that could not be answered."),
    "collected_wei_total": ("counter", "Income collected by this process."),
    "rebates_wei_total": ("counter", "Rebates given by this process."),
    "ended_total": ("counter", "Agreements that this process saw end."),
}


def build_metrics_app(node: ProviderNode) -> FastAPI:
    """Return the application that serves `/metrics`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def show() -> PlainTextResponse:
        return PlainTextResponse(await fetch_metrics(node))

    app.add_api_route("/metrics", show, methods=["GET"])
    return app


async def fetch_metrics(node: ProviderNode) -> str:
    """Return the figures as text."""
    index, tally = node.shop.vault.index, node.keeper.tally
    usage = await asyncio.to_thread(index.measure)
    live = await asyncio.to_thread(index.list_agreements, live_only=True)
    values = {
        "pack_bytes": usage.pack_bytes,
        "live_bytes": usage.live_bytes,
        "awaited_bytes": usage.awaited_bytes,
        "agreed_bytes": get_agreed_bytes(live),
        "chunks": usage.chunk_count,
        "live_agreements": len(live),
        "free_deposit_wei": await node.shop.server.fetch_free(),
        "payments_total": tally.payments,
        "receipts_total": tally.receipts,
        "answers_total": tally.answers,
        "failed_answers_total": tally.failed_answers,
        "collected_wei_total": tally.collected_wei,
        "rebates_wei_total": tally.rebates_wei,
        "ended_total": tally.ended,
    }
    lines = []
    for name, value in values.items():
        kind, text = _HELP[name]
        full = f"pekanu_provider_{name}"
        lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}", f"{full} {value}"]
    return "\n".join(lines) + "\n"
