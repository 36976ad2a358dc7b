"""A thousand small searches: planted, searched, sealed, opened, audited; how often one is seen.

All of it is the product's: what a client's node plants, what a worker's process runs, the seal, and
the audit.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from pekanu import catalog
from pekanu.catalog.framing import frame
from pekanu.catalog.inversion import get_image_of, list_images
from pekanu.crypto.merkle import region_root
from pekanu.market import delivery
from pekanu.node.client_search import SearchDraft
from pekanu.node.executors import ItemRun
from pekanu.node.search_runner import SearchRunner
from pekanu.ringers import Audit, Finding, RingerCount, audit, decode_solutions, encode_solutions

#: What is searched, to what is delivered.
Worker = Callable[[bytes], ItemRun]

FUNCTION = catalog.get("hash-search")
SIZE = 64
CONTENT = FUNCTION.parse_inputs({"pattern": f"<500-{499 + SIZE}>", "targets": "0" * 64})
PLACES = {spec.name: place for place, spec in enumerate(FUNCTION.inputs)}
COUNT = RingerCount(least=2, most=8)
SKIPPED = Fraction(1, 4)
HONEST, FIXED, ADAPTIVE = 100, 500, 400
TASK_ID = bytes(range(32))


def search(content: bytes, first: int = 0, count: int = SIZE) -> ItemRun:
    """Run the search of a part of the domain as a worker's process does."""
    values = FUNCTION.parse_frame(content)
    values[PLACES["first"]] = np.array(first, dtype=np.int64)
    values[PLACES["count"]] = np.array(count, dtype=np.int64)
    return SearchRunner(FUNCTION, None).run(frame(values), lambda _: None)


def skip_a_quarter(content: bytes) -> ItemRun:
    return search(content, count=SIZE * 3 // 4)


def stop_when_lucky(content: bytes) -> ItemRun:
    """Stop, with a quarter left or more, as soon as most of what can be expected is found."""
    found: list[int] = []
    part = SIZE // 8
    for first in range(0, SIZE, part):
        done = search(content, first, part)
        found += decode_solutions(done.output)
        if first + part <= SIZE * 3 // 4 and len(found) >= COUNT.least + 2:
            break
    output = encode_solutions(found)
    result = replace(done.result, output_root=region_root(output), output_size=len(output))
    return replace(done, output=output, result=result)


def buy(worker: Worker, seed: int) -> Audit:
    rng = random.Random(seed)
    draft = SearchDraft.plant(FUNCTION, CONTENT, COUNT, rng.randbytes)
    run, key = worker(draft.content), rng.getrandbits(250)
    sealed = delivery.seal(TASK_ID, key, [run.output])
    opened = delivery.audit(TASK_ID, key, [run.result], sealed.ciphertext)
    assert isinstance(opened, list)
    inversion = draft.inversion
    # The accumulator, which takes the most time, is checked where the worker is honest.
    evidence = run.result.evidence if worker is search and seed % 10 == 0 else None
    return audit(
        opened[0],
        inversion.domain,
        list_images(inversion),
        draft.planted.ringers,
        evidence,
        lambda point: get_image_of(inversion, point),
    )


def count_uncaught(worker: Worker, first: int, rounds: int) -> int:
    audits = [buy(worker, first + n) for n in range(rounds)]
    assert {one.finding for one in audits} <= {Finding.IN_ORDER, Finding.RINGER_MISSING}
    return sum(one.is_in_order for one in audits)


def test_audit__when_everything_was_searched__then_always_in_order() -> None:
    assert count_uncaught(search, 1, HONEST) == HONEST


def test_audit__when_a_share_was_skipped__then_caught_as_often_as_stated() -> None:
    expected = float(COUNT.get_evasion(SKIPPED))
    deviation = (expected * (1 - expected) * FIXED) ** 0.5
    uncaught = count_uncaught(skip_a_quarter, 10_000, FIXED)
    # Points are drawn without repetition, which helps the client by less than a deviation.
    assert abs(uncaught - expected * FIXED) < 4 * deviation


def test_audit__when_a_worker_stops_early__then_the_bound_for_adapting_ones_holds() -> None:
    bound = float(COUNT.get_adaptive_evasion(SKIPPED))
    stopped = uncaught = 0
    for seed in range(20_000, 20_000 + ADAPTIVE):
        found = buy(stop_when_lucky, seed)
        if found.points and max(found.points) < SIZE * 3 // 4:
            stopped += len(found.points) >= COUNT.least + 2
            uncaught += found.is_in_order and len(found.points) >= COUNT.least + 2
    assert stopped > ADAPTIVE / 4
    assert uncaught / ADAPTIVE < bound
    assert uncaught < stopped


def test_draft__when_repeated__then_the_worker_sees_the_same_but_for_the_targets() -> None:
    """All that a worker is given of two searches differs in uniform words alone."""
    rng = random.Random(5)
    drafts = [SearchDraft.plant(FUNCTION, CONTENT, COUNT, rng.randbytes) for _ in range(40)]
    assert len({len(one.planted.ringers) for one in drafts}) > 3
    assert {len(one.content) for one in drafts} == {len(drafts[0].content)}
    assert {one.inversion.program.id for one in drafts} == {drafts[0].inversion.program.id}
    assert {one.inversion.steps for one in drafts} == {drafts[0].inversion.steps}
    seen = [FUNCTION.parse_frame(one.content) for one in drafts]
    for place, name in enumerate(PLACES):
        values = {bytes(one[place]) for one in seen}
        assert len(values) == (len(drafts) if name == "targets" else 1)


def test_draft__when_repeated__then_ringers_stand_anywhere_among_the_targets() -> None:
    """Hashes of ringers and of nobody, as they are written: each place holds either as often."""
    rng, size, rounds = random.Random(6), 1 + COUNT.most, 1200
    places = [0] * size
    ringers = 0
    for _ in range(rounds):
        draft = SearchDraft.plant(FUNCTION, CONTENT, COUNT, rng.randbytes)
        # The one wanted hash is all zeros here, and so stands first.
        secret = {draft.inversion.get_token(one) for one in draft.planted.ringers}
        ringers += len(secret)
        for place, token in enumerate(draft.inversion.tokens):
            places[place] += token in secret
    expected = ringers / (size - 1)
    assert places[0] == 0
    # 7 degrees of freedom: a uniform mixture exceeds this once in 10^4.
    assert sum((found - expected) ** 2 / expected for found in places[1:]) < 29.9
