from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import Attempt, Call, PendingState, PendingTransaction
from pekanu.errors import JournalError
from pekanu.node.journal import Cost, Entry, open_journal
from pekanu.types import Address, Hash32, Seconds, Wei

#: As the first versions made them, by another library.
EARLIER = """
CREATE TABLE versions (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE tasks (
    number INTEGER NOT NULL, role VARCHAR(8) NOT NULL, account VARCHAR(42) NOT NULL,
    task_id VARCHAR(64) NOT NULL, chain_id BIGINT NOT NULL, market VARCHAR(42) NOT NULL,
    job_id VARCHAR(64) NOT NULL, step VARCHAR(32) NOT NULL, is_live INTEGER NOT NULL,
    state TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,
    PRIMARY KEY (number), UNIQUE (role, account, task_id)
);
INSERT INTO versions VALUES (1);
"""
ALICE, BOB = Address("0x" + "a" * 40), Address("0x" + "b" * 40)
TASK = Hash32(b"t" * 32)


def build_entry(step: str, *, is_live: bool = True, task_id: Hash32 = TASK) -> Entry:
    return Entry(
        role="worker",
        task_id=task_id,
        chain_id=7,
        market=BOB,
        step=step,
        is_live=is_live,
        state=f'"{step}"',
    )


def build_transaction(key: str, nonce: int) -> PendingTransaction:
    attempt = Attempt(hash=TASK, raw=b"raw", max_fee=Wei(2), tip=Wei(1))
    return PendingTransaction(
        key=key,
        chain_id=7,
        account=ALICE,
        nonce=nonce,
        gas=21000,
        call=Call(to=BOB, value=Wei(10**20), name="market.deposit"),
        attempts=(attempt,),
    )


def test_record__when_opened_again__then_latest_state_and_all_steps(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        journal.record(build_entry("accepting"), Seconds(1))
        journal.record(build_entry("executing"), Seconds(2))
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        assert journal.load_states("worker", chain_id=7) == ['"executing"']
        assert journal.load_steps("worker", TASK) == [("accepting", 1), ("executing", 2)]


def test_load_states__when_task_has_ended__then_it_is_not_live(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        journal.record(build_entry("finished", is_live=False), Seconds(1))
        assert journal.load_states("worker", chain_id=7) == []
        assert journal.load_states("worker", chain_id=7, live_only=False) == ['"finished"']


def test_load_states__when_another_account_asks__then_nothing(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        journal.record(build_entry("accepting"), Seconds(1))
    with open_journal(tmp_path / "journal.db", BOB, purpose="a test") as journal:
        assert journal.load_states("worker", chain_id=7) == []
        assert journal.load_state("worker", TASK) is None


def test_open_journal__when_account_is_in_use__then_holder_is_named(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with (
        open_journal(place, ALICE, purpose="pekanu worker start"),
        pytest.raises(JournalError, match=r"in use by pekanu worker start \(process \d+\)"),
        open_journal(place, ALICE, purpose="a test"),
    ):
        pass


def test_open_journal__when_another_account_is_in_use__then_both_write(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with (
        open_journal(place, ALICE, purpose="a test") as alice,
        open_journal(place, BOB, purpose="a test") as bob,
    ):
        alice.record(build_entry("accepting"), Seconds(1))
        bob.record(build_entry("sealing"), Seconds(1))
        assert alice.load_state("worker", TASK) == '"accepting"'
        assert bob.load_state("worker", TASK) == '"sealing"'


def test_open_journal__when_it_holds_secrets__then_only_its_owner_reads(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with open_journal(place, ALICE, purpose="a test"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_open_journal__when_version_is_another__then_refused(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with open_journal(place, ALICE, purpose="a test"):
        pass
    database = sqlite3.connect(place)
    database.execute("UPDATE versions SET version = 99")
    database.commit()
    database.close()
    with (
        pytest.raises(JournalError, match="version 99"),
        open_journal(place, ALICE, purpose="a test"),
    ):
        pass


def test_open_journal__when_file_is_no_database__then_refused(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    place.write_bytes(b"no database" * 100)
    with (
        pytest.raises(JournalError, match="cannot be used"),
        open_journal(place, ALICE, purpose="a test"),
    ):
        pass


def test_open_journal__when_an_earlier_version_wrote_it__then_it_goes_on(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    database = sqlite3.connect(place)
    database.executescript(EARLIER)
    row = (1, "worker", BOB, TASK.hex(), 7, "", "", "old", 1, "before", 1, 1)
    database.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.commit()
    database.close()
    with open_journal(place, BOB, purpose="a test") as journal:
        assert journal.load_states("worker", chain_id=7) == ["before"]
        journal.record(build_entry("executing"), Seconds(2))
        journal.build_sends(7).save(build_transaction("key", 1))
        assert journal.load_states("worker", chain_id=7) == ['"executing"']


def test_journal__when_it_was_closed__then_it_is_read_and_not_written(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        journal.record(build_entry("accepting"), Seconds(1))
    assert journal.load_state("worker", TASK) == '"accepting"'
    with pytest.raises(JournalError, match="was closed"):
        journal.record(build_entry("executing"), Seconds(2))
    assert journal.load_steps("worker", TASK) == [("accepting", 1)]


def test_record__when_it_cannot_be_written_whole__then_nothing_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "journal.db"
    with open_journal(place, ALICE, purpose="a test") as journal:
        journal.record(build_entry("accepting"), Seconds(1))
        database = sqlite3.connect(place)
        database.execute("ALTER TABLE steps RENAME TO away")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            journal.record(build_entry("executing"), Seconds(2))
        assert journal.load_state("worker", TASK) == '"accepting"'
        database.execute("ALTER TABLE away RENAME TO steps")
        database.close()
        journal.record(build_entry("sealing"), Seconds(2))
        assert journal.load_steps("worker", TASK) == [("accepting", 1), ("sealing", 2)]


def test_record__when_threads_write_at_once__then_every_step_is_kept(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:

        def write(number: int) -> None:
            task = Hash32(bytes([number % 4]) * 32)
            journal.record(build_entry(f"step {number}", task_id=task), Seconds(number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(40)))
        assert len(journal.list_live(7)) == 4
        kept = [journal.load_steps("worker", Hash32(bytes([one]) * 32)) for one in range(4)]
        assert sorted(at for steps in kept for _, at in steps) == list(range(40))


def test_record_cost__when_told_twice__then_counted_once(tmp_path: Path) -> None:
    cost = Cost(call="deliver", transaction=TASK, gas_used=50_000, fee=Wei(10**30))
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        journal.record_cost(TASK, cost)
        journal.record_cost(TASK, cost)
        assert journal.load_costs(TASK) == [cost]


def test_record_cost__when_mined_again_in_another_block__then_the_last_one_counts(
    tmp_path: Path,
) -> None:
    lost = Cost(call="deliver", transaction=TASK, gas_used=50_000, fee=Wei(10**13))
    again = replace(lost, fee=Wei(2 * 10**13))
    dearer = replace(lost, transaction=Hash32(b"\x08" * 32), fee=Wei(3 * 10**13))
    other = replace(lost, transaction=Hash32(b"\x07" * 32))
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        for cost in (lost, other, again):
            journal.record_cost(TASK, cost)
        assert journal.load_costs(TASK) == [again, other]
        journal.record_cost(TASK, dearer, attempts=(lost.transaction, dearer.transaction))
        assert journal.load_costs(TASK) == [dearer, other]


def test_sends__when_saved__then_open_ones_are_listed_by_nonce(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        sends = journal.build_sends(7)
        later, sooner = build_transaction("later", 5), build_transaction("sooner", 4)
        for one in (later, sooner, build_transaction("done", 3).with_state(PendingState.DONE)):
            sends.save(one)
        assert sends.list_open(7, ALICE) == [sooner, later]
        assert sends.load("later") == later


def test_sends__when_removed__then_gone(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal.db", ALICE, purpose="a test") as journal:
        sends = journal.build_sends(7)
        sends.save(build_transaction("key", 1))
        sends.remove("key")
        assert sends.load("key") is None
        assert journal.build_sends(8).list_open(8, ALICE) == []
