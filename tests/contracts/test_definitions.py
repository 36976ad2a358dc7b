"""Every constant that stands in two places is computed once more."""

from __future__ import annotations

import pytest
from eth_account.messages import encode_typed_data

from pekanu.crypto import pedersen
from pekanu.crypto.keccak import keccak256
from pekanu.market import typed_data
from pekanu.market.state import TaskState
from support.reference_seal import ORDER, ZEROS, derive_generator
from support.world import WORKER, World


def test_task_id__when_computed_by_contract_and_product__then_equal(world: World) -> None:
    assert world.market.call("task_id", world.task.to_abi()) == world.task_id


def test_task_id__when_computed_by_an_eip_712_library__then_equal(world: World) -> None:
    document = typed_data.build_acceptance(world.domain, world.task, WORKER, 5)
    task = dict(document["message"]["task"])
    document = {**document, "primaryType": "Task", "message": task}
    document["types"] = {k: v for k, v in document["types"].items() if k != "Acceptance"}
    signable = encode_typed_data(full_message=document)
    assert keccak256(b"\x19" + b"".join(signable)) == world.task_id


def test_generator__when_derived_again__then_the_products() -> None:
    assert pedersen.commit(0, 1) == derive_generator()
    assert ORDER == pedersen.ORDER


@pytest.mark.parametrize(("height", "digits"), [(5, "0eb01ebf"), (6, "887c22bd")])
def test_empty_roots__when_computed__then_the_contracts(height: int, digits: str) -> None:
    assert ZEROS[height].hex().startswith(digits)


def test_word__when_unpacked__then_packs_to_the_same(world: World) -> None:
    world.deliver()
    word = world.market.call("states", world.task_id)
    assert TaskState.from_word(word).to_word() == word
    fields = world.market.call("state_of", world.task_id)
    assert fields[:3] == (3, WORKER.lower(), world.state.deadline)
