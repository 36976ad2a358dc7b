"""A job from a request: what is asked of workers, and what the terms will name.

Not here: a single try (`client`), ringers, which are fresh in each (`client_search`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from pekanu import catalog
from pekanu.catalog import PolicyKind, RandomBytes
from pekanu.catalog.policy import InvalidPolicy
from pekanu.errors import UsageError
from pekanu.node.batch_file import join_items
from pekanu.node.client_job import ClientJob, JobRequest
from pekanu.node.client_search import SearchDraft
from pekanu.node.dispute_terms import get_max_steps
from pekanu.node.input_facts import get_inputs_root
from pekanu.node.offers import Demand
from pekanu.node.peer_messages import BlobRef, QuoteRequest
from pekanu.ringers import RingerCount, recommend_count
from pekanu.types import ZERO_ADDRESS, ZERO_HASH, Address

#: What is recommended: who leaves out half of the domain gets away with it in one case of twenty.
SKIPPED: Final = Fraction(1, 2)
EVASION: Final = Fraction(1, 20)
#: Bytes of a listed candidate's number.
_POINT_SIZE: Final = 32

#: Keeps a file, and names it.
Store = Callable[[bytes], BlobRef]


def build_job(request: JobRequest, store: Store, draw: RandomBytes) -> ClientJob:
    """Return the job that a request asks for; blocks.

    Args:
        request: What is wanted.
        store: Keeps the input.
        draw: Gives secret bytes.

    Raises:
        UsageError: There is nothing to do, or it cannot be verified so.
        InvalidInput: An item does not fit the function.
    """
    ware = request.program or catalog.get(request.function)
    if not request.items:
        raise UsageError("a job has at least one item")
    if isinstance(ware, catalog.Function) and ware.is_search:
        return _build_search_job(ware, request, store, draw)
    if request.policy.kind is PolicyKind.RINGERS or request.ringers is not None:
        raise InvalidPolicy(f"{ware.name} is no search, and has no ringers")
    if request.policy.kind is PolicyKind.CHECK and not ware.has_check:
        raise InvalidPolicy(
            f"{ware.name} has no cheap check", hint="choose recompute, sample:SHARE or none"
        )
    for item in request.items:
        ware.validate(item)
    count, steps = len(request.items), [ware.estimate_steps(item) for item in request.items]
    total, most = sum(steps), request.max_steps or get_max_steps(max(steps))
    if isinstance(ware, catalog.Program):
        # Nobody can estimate it: what it may take is what is paid for.
        most = request.max_steps or max(steps)
        total = count * most
    return ClientJob(
        job_id=secrets.token_hex(16),
        function=ware.name,
        program_id=ware.program_id,
        run_id=ware.program_id,
        input=store(b"".join(join_items(request.items))),
        program=store(ware.elf) if isinstance(ware, catalog.Program) else None,
        count=count,
        inputs_root=get_inputs_root(request.items),
        steps=total,
        max_steps=most,
        output_bytes=max(ware.estimate_output_size(item) for item in request.items),
        policy=str(request.policy),
        max_price=request.max_price,
        worker=request.worker,
        agent=request.agent,
    )


def build_demand(job: ClientJob, client: Address, referee: Address) -> Demand:
    """Return a job as workers are asked for it."""
    return Demand(
        client=client,
        request=QuoteRequest(
            function=job.function,
            program_id=job.program_id,
            program_bytes=job.program.size if job.program else 0,
            count=job.count,
            input_bytes=job.input.size,
            steps=job.steps,
            max_steps=job.max_steps,
            output_bytes=job.output_bytes * job.count,
        ),
        program_id=job.run_id,
        inputs_root=job.inputs_root,
        referee=referee,
        agent=job.agent or ZERO_ADDRESS,
        output_bytes=job.output_bytes,
    )


def get_recommended_count(points: int) -> RingerCount:
    """Return how many ringers a search of so many points should have, where it is not said."""
    usual = recommend_count(SKIPPED, EVASION)
    most = min(usual.most, points // 2)
    return RingerCount(least=min(usual.least, max(1, most // 2)), most=max(1, most))


def _build_search_job(
    function: catalog.Function, request: JobRequest, store: Store, draw: RandomBytes
) -> ClientJob:
    if len(request.items) != 1:
        raise UsageError("a search is one item", hint="buy each search by itself")
    if request.policy.kind is not PolicyKind.RINGERS:
        raise InvalidPolicy(f"{function.name} is verified by its ringers, not by {request.policy}")
    (content,) = request.items
    count = request.ringers or get_recommended_count(function.build_inversion(content).domain.size)
    # Ringers are drawn afresh for each try; these only show what such a search takes.
    inversion = SearchDraft.plant(function, content, count, draw).inversion
    return ClientJob(
        job_id=secrets.token_hex(16),
        function=function.name,
        program_id=function.program_id,
        run_id=inversion.program.id,
        input=store(content),
        count=1,
        inputs_root=ZERO_HASH,
        least_ringers=count.least,
        most_ringers=count.most,
        steps=inversion.steps,
        max_steps=inversion.max_steps,
        output_bytes=_POINT_SIZE * inversion.most_solutions,
        policy=str(request.policy),
        max_price=request.max_price,
        worker=request.worker,
        agent=request.agent,
    )
