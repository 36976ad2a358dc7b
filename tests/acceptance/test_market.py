"""Buying from a worker in another process, with another account."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pekanu.chain import Keystore
from pekanu.crypto.keccak import keccak256
from support.moody import MOODY_ELF
from support.shell import PASSWORD, PROGRAM, RunningChain, Shell


@pytest.fixture(scope="module")
def worker(market: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`pekanu worker start` of bob, in a process of its own; gives bob's address."""
    log = tmp_path_factory.mktemp("worker") / "log"
    command = [PROGRAM, "worker", "start", "--account", "bob", "--deposit", "1 ether"]
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, env=market.environment, stdin=subprocess.DEVNULL, stderr=file, stdout=file
        ) as process,
    ):
        try:
            for _ in range(200):
                if " works at " in log.read_text():
                    break
                if process.poll() is not None:
                    pytest.fail(log.read_text())
                time.sleep(0.1)
            yield next(
                one["address"]
                for one in market("account", "list", "--json").json
                if one["name"] == "bob"
            )
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()


@pytest.fixture(scope="module")
def client(market: Shell, devnet: RunningChain) -> Shell:
    """The market's home, acting for dave."""
    keystore = Keystore(market.home / "keystore", work_factor=1 << 12)
    keystore.import_key("dave", devnet.keys[2], PASSWORD)
    return Shell(home=market.home, variables={**market.variables, "PEKANU_ACCOUNT": "dave"})


def _save(folder: Path, **arrays: np.ndarray) -> list[str]:
    inputs = []
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        inputs += ["--input", f"{name}={folder / name}.npy"]
    return inputs


@pytest.mark.parametrize("shapes", [((1, 1), (1, 1)), ((7, 3), (3, 5)), ((500, 500), (500, 500))])
def test_run__of_matmul__gives_the_exact_product_for_the_price(
    client: Shell,
    worker: str,
    tmp_path: Path,
    shapes: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    draw = np.random.default_rng(7)
    a, b = (draw.integers(-(2**62), 2**62, shape) for shape in shapes)
    before = client("account", "balance", "--json").json
    earned = client("worker", "earnings", worker, "--json").json
    told = client(
        "run", "matmul", *_save(tmp_path, a=a, b=b), "--out", tmp_path / "c.npy", "--json"
    )
    document = told.json
    assert np.array_equal(np.load(tmp_path / "c.npy"), a @ b)
    assert (document["worker"], document["state"]) == (worker, "settled")
    assert "you can lose at most" in told.err
    assert "takes at most" in told.err
    # All money, to the wei.
    price = int(document["price_wei"])
    after = client("account", "balance", "--json").json
    spent = int(before["wallet_wei"]) - int(after["wallet_wei"])
    assert spent == price + int(document["gas_wei"])
    now_earned = client("worker", "earnings", worker, "--json").json
    assert int(now_earned["earned_wei"]) - int(earned["earned_wei"]) == price
    assert int(now_earned["market_wei"]) - int(earned["market_wei"]) == price
    assert {one["call"] for one in document["transactions"]} == {"deposit", "post_accepted"}


def test_run__with_money_in_the_market__is_two_transactions(
    client: Shell, worker: str, tmp_path: Path
) -> None:
    assert client("account", "deposit", "0.1 ether").code == 0
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be")
    document = client("run", "wordcount", "--input", f"text={text}", "--json").json
    assert document["output"] == {"to": 2, "be": 2, "or": 1, "not": 1}
    assert [one["call"] for one in document["transactions"]] == ["post_accepted"]
    task = client("tasks", document["task_id"], "--json").json
    assert task["worker"] == worker
    assert [event["event"] for event in task["events"]] == ["Accepted", "Settled"]


def test_offers__of_a_running_worker__tell_functions_and_prices(client: Shell, worker: str) -> None:
    offers = {one["worker"]: one for one in client("worker", "offers", "--json").json}
    assert offers[worker]["answers"]
    sold = {one["name"]: one for one in offers[worker]["functions"]}
    assert int(sold["matmul"]["base_price_wei"]) == 10**14


def test_run__below_every_price__is_refused_and_costs_nothing(
    client: Shell, worker: str, tmp_path: Path
) -> None:
    before = client("account", "balance", "--json").json
    inputs = _save(tmp_path, a=np.eye(2, dtype=int), b=np.eye(2, dtype=int))
    run = client("run", "matmul", *inputs, "--max-price", "5 wei")
    run.assert_refused(1, "the cheapest offer is 0.0001 ether, more than 5 wei")
    assert client("account", "balance", "--json").json == before
    assert worker


def test_run__with_a_worker_that_does_not_exist__is_refused(
    client: Shell, devnet: RunningChain, worker: str, tmp_path: Path
) -> None:
    inputs = _save(tmp_path, a=np.eye(2, dtype=int), b=np.eye(2, dtype=int))
    run = client("run", "matmul", *inputs, "--worker", devnet.addresses[9])
    run.assert_refused(1, "nobody sells this computation now")
    assert worker


def test_run__without_money__is_refused(market: Shell, worker: str, tmp_path: Path) -> None:
    inputs = _save(tmp_path, a=np.eye(2, dtype=int), b=np.eye(2, dtype=int))
    run = market("run", "matmul", *inputs, "--account", "carol")
    assert run.code == 1
    assert "which does not cover 0.0001 ether and gas" in run.err
    assert worker


def test_run__for_an_account_that_another_process_uses__is_refused(
    market: Shell, worker: str, tmp_path: Path
) -> None:
    inputs = _save(tmp_path, a=np.eye(2, dtype=int), b=np.eye(2, dtype=int))
    run = market("run", "matmul", *inputs, "--account", "bob")
    assert run.code == 1
    assert worker in run.err


def test_worker__without_collateral__is_refused(market: Shell) -> None:
    run = market("worker", "start", "--account", "alice")
    run.assert_refused(1, "less than the stake of one task")


def test_api__submit_and_map__give_verified_results(
    client: Shell, worker: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np\n"
        "import pekanu\n"
        "a, b = np.arange(6).reshape(2, 3), np.arange(12).reshape(3, 4)\n"
        "with pekanu.Client(account='dave') as client:\n"
        "    future = client.submit('matmul', a, b, price='0.01 ether')\n"
        "    assert np.array_equal(future.result(timeout=60), a @ b)\n"
        "    assert future.done() and future.exception() is None\n"
        "    assert future.settled(30).paid_wei == 10**14\n"
        "    texts = [(text,) for text in (b'a b', b'c c', b'd')]\n"
        "    counts = client.map('wordcount', texts, verify='sample:0.5')\n"
        "    assert counts == [{'a': 1, 'b': 1}, {'c': 2}, {'d': 1}]\n"
        "    try:\n"
        "        client.submit('matmul', a, b, price='1 wei').result()\n"
        "    except pekanu.NoWorker:\n"
        "        print('refused')\n"
    )
    run = subprocess.run(
        [sys.executable, str(program)],
        env=client.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "refused\n"), run.err
    assert worker


@pytest.fixture
def moody(tmp_path: Path) -> Path:
    """A program whose input says how it ends."""
    path = tmp_path / "moody.elf"
    path.write_bytes(MOODY_ELF)
    return path


def test_run__of_a_program__gives_its_output_for_the_price_of_its_limit(
    client: Shell, worker: str, moody: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(b"s hello")
    document = client(
        *("run", "--program", moody, "--input", tmp_path / "in", "--out", tmp_path / "out"),
        *("--max-steps", "300000000", "--json"),
    ).json
    assert (tmp_path / "out").read_bytes() == b"s hello"
    assert (document["program"], document["worker"]) == ("moody", worker)
    assert document["items"] == [
        {"status": "halted", "exit_code": 0, "output_size": 7, "out": str(tmp_path / "out")}
    ]
    # 0.3 of a thousand million steps, at 0.001 ether.
    assert int(document["price_wei"]) == 3 * 10**14


def test_run__of_a_program_on_several_inputs__is_one_batch_in_two_transactions(
    client: Shell, worker: str, moody: Path, tmp_path: Path
) -> None:
    inputs: list[str | Path] = []
    for number in range(11):
        (tmp_path / f"{number}.in").write_bytes(b"s%d" % number)
        inputs += ["--input", tmp_path / f"{number}.in"]
    run = client(
        *("run", "--program", moody, *inputs, "--out", tmp_path / "outs", "--json"),
        *("--max-steps", "1000", "--verify", "sample:0.2"),
    )
    outputs = [path.read_bytes() for path in sorted((tmp_path / "outs").iterdir())]
    assert outputs == [b"s%d" % number for number in range(11)]
    assert [one["call"] for one in run.json["transactions"]][-1] == "post_accepted"
    # Three of eleven were run again.
    assert "probability that a cheat went undetected: 1 wrong of 11: 0.727" in run.err
    assert worker


def test_run__of_a_program_that_fails__writes_its_output_and_exits_with_1(
    client: Shell, worker: str, moody: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(b"f")
    out = tmp_path / "out"
    run = client("run", "--program", moody, "--input", tmp_path / "in", "--out", out)
    assert run.code == 1
    assert "error: moody ended with exit code 3" in run.err
    assert f"paid 0.001 ether to {worker}" in run.err
    assert out.read_bytes() == b"f"


def test_run__of_a_batch_of_a_function__gives_a_line_an_item(
    client: Shell, worker: str, tmp_path: Path
) -> None:
    items = [{"a": [[number]], "b": [[2]]} for number in range(5)]
    batch = tmp_path / "items.jsonl"
    batch.write_text("".join(json.dumps(item) + "\n" for item in items))
    run = client("run", "matmul", "--batch", batch)
    assert run.code == 0, run.err
    assert [json.loads(line) for line in run.out.splitlines()] == [[[2 * n]] for n in range(5)]
    assert f"paid 0.0005 ether to {worker}" in run.err


def test_run__of_a_batch_with_a_broken_line__is_refused_before_anything_is_paid(
    client: Shell, tmp_path: Path
) -> None:
    batch = tmp_path / "items.jsonl"
    batch.write_text('{"a": [[1]], "b": [[2]]}\n{"a": [[1]]}\n')
    run = client("run", "matmul", "--batch", batch)
    run.assert_refused(2, f"line 2 of {batch}: matmul needs input b")


# --- searches -------------------------------------------------------------------------------------


def test_run__of_a_search_for_a_forgotten_password__then_it_is_found_and_ringers_vouch(
    client: Shell, worker: str
) -> None:
    digest = hashlib.sha256(b"Summer-0427!").hexdigest()
    options = ["--input", "pattern=[Ss]ummer-[0-9]{4}!", "--input", f"targets={digest}"]
    run = client("run", "hash-search", *options, "--ringers", "4", "--yes", "--json")
    assert run.code == 0, run.err
    assert "4 to 32 ringers are hidden" in run.err
    assert run.json["worker"] == worker
    assert run.json["state"] == "settled"
    assert "ringers are among" in run.json["verified"]
    assert [one["candidate"] for one in run.json["output"]] == ["Summer-0427!"]
    assert run.json == {**run.json, **_search_locally(client, *options)}


def _search_locally(client: Shell, *options: str) -> dict[str, object]:
    local = client("run", "hash-search", *options, "--local", "--json")
    assert local.code == 0, local.err
    return {"output": local.json["output"]}


@pytest.mark.usefixtures("worker")
def test_run__of_a_search_for_an_address__then_salts_whose_contract_s_address_ends_so(
    client: Shell,
) -> None:
    """CREATE2: an address is the end of a Keccak-256 of 0xff, the deployer, a salt, the code's."""
    deployer, code = "ab" * 20, keccak256(b"code").hex()
    octets = "".join(f"\\x{digit}" for digit in _pairs("ff" + deployer + "00" * 30))
    pattern = octets + "<#2>" + "".join(f"\\x{digit}" for digit in _pairs(code))
    options = ["--input", f"pattern={pattern}", "--input", "targets=*cafe"]
    run = client(
        "run", "hash-search", "--input", "algorithm=keccak256", *options, "--yes", "--json"
    )
    assert run.code == 0, run.err
    for one in run.json["output"]:
        preimage = bytes.fromhex(one["candidate"].removeprefix("0x"))
        assert len(preimage) == 85
        assert keccak256(preimage)[12:].hex().endswith("cafe")


def _pairs(digits: str) -> list[str]:
    return [digits[place : place + 2] for place in range(0, len(digits), 2)]


@pytest.mark.usefixtures("worker")
def test_run__of_a_search_with_a_word_list__then_the_words_are_found(
    client: Shell, tmp_path: Path
) -> None:
    words = [f"word{number}" for number in range(5000)]
    (tmp_path / "words.txt").write_text("\n".join(words))
    picked = [words[3], words[4999]]
    hashes = "\n".join(hashlib.md5(one.encode()).hexdigest() for one in picked)  # noqa: S324
    (tmp_path / "hashes.txt").write_text(hashes)
    run = client(
        *("run", "hash-search", "--input", "algorithm=md5"),
        *("--input", f"words={tmp_path}/words.txt", "--input", f"targets=@{tmp_path}/hashes.txt"),
        *("--yes", "--out", str(tmp_path / "found.csv")),
    )
    assert run.code == 0, run.err
    lines = (tmp_path / "found.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines] == picked


@pytest.mark.usefixtures("worker")
def test_run__of_a_search_with_a_program_of_one_s_own__then_its_outputs_are_found(
    client: Shell, tmp_path: Path
) -> None:
    """A one-way function of which only the lowest byte matters: a masked image."""
    source = tmp_path / "f.c"
    source.write_text(
        '#include "pekanu.h"\n'
        "int main(void) {\n"
        "    uint32_t x = PEKANU_INPUT[31] | PEKANU_INPUT[30] << 8;\n"
        "    for (int i = 0; i < 20; i++) { x = x * 1664525u + 1013904223u; x ^= x >> 13; }\n"
        "    uint16_t masked = (uint16_t)(x >> 16);\n"
        "    pekanu_write(&masked, 2);\n"
        "    return 0;\n"
        "}\n"
    )
    program = tmp_path / "f.elf"
    assert client("build", str(source), "-o", str(program)).code == 0
    options = [
        *("--input", "algorithm=program", "--input", f"program={program}"),
        *("--input", "count=2000", "--input", "targets==0000 =beef =1234"),
    ]
    expected = _search_locally(client, *options)["output"]
    run = client("run", "hash-search", *options, "--yes", "--json", "--max-price", "0.1 ether")
    assert run.code == 0, run.err
    assert run.json["output"] == expected


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--input", "pattern=x", "--input", "targets=*beef"], "a domain of 1 points"),
        (["--input", "pattern=<#2>", "--input", "targets=*abc"], "3 digits are too few"),
        (["--input", "pattern=<#2>", "--input", "targets=xyz"], "is no target"),
        (["--input", "pattern=<#2>"], "needs input targets"),
        (
            ["--verify", "recompute", "--input", "targets=abcd*", "--input", "pattern=<#2>"],
            "ringers",
        ),
        (["--ringers", "99", "--input", "targets=abcd*", "--input", "pattern=<#2>"], "1 to 32"),
    ],
)
def test_run__of_what_is_no_search__then_one_sentence(
    client: Shell, options: list[str], sentence: str
) -> None:
    client("run", "hash-search", *options, "--yes").assert_refused(2, sentence)
