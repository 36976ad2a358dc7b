from __future__ import annotations

import json

import pytest

from support.shell import RunningChain, Shell


def test_help__of_the_program__names_every_group(shell: Shell) -> None:
    run = shell("--help")
    assert run.code == 0
    for name in ("account", "deploy", "devnet", "events", "functions", "run", "tasks"):
        assert name in run.out


def test_version__asked_for__is_printed_alone(shell: Shell) -> None:
    run = shell("--version")
    assert (run.code, run.out.count("\n"), run.err) == (0, 1, "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dance",), "dance"),
        (("tasks", "--frobnicate"), "--frobnicate"),
        (("devnet", "--port", "99999"), "--port"),
        (("tasks", "--do", "expire"), "--do needs the ID of a task"),
        (("tasks", "0x12", "--do", "explode"), "explode"),
        (("account", "new"), "NAME"),
    ],
)
def test_command__used_wrongly__is_refused(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    run = shell(*arguments)
    run.assert_refused(2, sentence)
    assert "hint: " in run.err or "--do" in arguments


@pytest.mark.parametrize("command", ["tasks", "events", "deploy"])
def test_command__when_no_chain_answers__is_refused(shell: Shell, command: str) -> None:
    shell(command).assert_refused(1, "the chain at http://127.0.0.1:9 does not answer")


def test_command__with_a_url_that_is_none__is_refused(shell: Shell) -> None:
    shell("tasks", "--rpc", "ftp://example").assert_refused(2, "not a URL")


def test_command__on_a_chain_without_contracts__is_refused(
    shell: Shell, devnet: RunningChain
) -> None:
    run = shell("tasks", "--rpc", devnet.rpc)
    run.assert_refused(1, f"no contracts are known on chain {devnet.chain_id}")
    assert "pekanu deploy" in run.err


def test_command__when_other_code_stands_at_the_address__is_refused(
    shell: Shell, market: Shell, devnet: RunningChain
) -> None:
    name = f"chains/{devnet.chain_id}.json"
    book = json.loads((market.home / name).read_text())
    book["contracts"]["Market"]["address"] = devnet.addresses[0]
    (shell.home / "chains").mkdir(parents=True)
    (shell.home / name).write_text(json.dumps(book))
    run = shell("tasks", "--rpc", devnet.rpc)
    run.assert_refused(1, f"the code at {devnet.addresses[0]} is not that of Market")


def test_command__with_the_book_of_another_chain__is_refused(
    shell: Shell, market: Shell, devnet: RunningChain
) -> None:
    name = f"chains/{devnet.chain_id}.json"
    book = json.loads((market.home / name).read_text()) | {"chain_id": 1}
    (shell.home / "chains").mkdir(parents=True)
    (shell.home / name).write_text(json.dumps(book))
    shell("tasks", "--rpc", devnet.rpc).assert_refused(1, "is not an address book of chain")


def test_deploy__a_second_time__deploys_nothing(market: Shell) -> None:
    first = market("deploy", "--account", "alice", "--json").json
    second = market("deploy", "--account", "alice", "--json").json
    assert first == second
    assert set(first["contracts"]) >= {"Market"}


def test_events__after_a_deposit__tell_of_it(market: Shell) -> None:
    put = market("account", "deposit", "7 wei", "--account", "alice", "--json").json
    events = market("events", "--json").json
    found = [event for event in events if event["transaction"] == put["transaction"]]
    assert [(event["event"], event["amount"]) for event in found] == [("Deposited", "7")]
    assert "Deposited" in market("events").out
    assert market("account", "withdraw", "7 wei", "--account", "alice").code == 0


def test_pipe__closed_by_its_reader__ends_without_a_traceback(shell: Shell) -> None:
    import subprocess  # noqa: PLC0415 - for this test alone

    run = subprocess.run(
        ["bash", "-c", "for i in 1 2 3; do pekanu functions --json; done | head -1"],
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in run.stderr
