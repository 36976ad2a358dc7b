from __future__ import annotations

from pathlib import Path

import pytest

from support.shell import PASSWORD, RunningChain, Shell


def test_new__with_a_password__stores_an_account_that_is_listed(shell: Shell) -> None:
    made = shell("account", "new", "alice", "--json", PEKANU_PASSWORD="x").json  # noqa: S106
    assert shell("account", "list", "--json").json == [
        {"name": "alice", "address": made["address"]}
    ]
    assert Path(made["path"]).stat().st_mode & 0o777 == 0o600


def test_new__without_a_password_and_nobody_to_ask__is_refused(shell: Shell) -> None:
    shell("account", "new", "alice").assert_refused(2, "a password is needed")
    assert shell("account", "list", "--json").json == []


def test_new__under_a_name_that_is_taken__keeps_the_first(market: Shell) -> None:
    before = market("account", "list", "--json").json
    market("account", "new", "alice").assert_refused(2, "'alice'")
    assert market("account", "list", "--json").json == before


def test_import__of_a_key_from_stdin__stores_its_account(shell: Shell) -> None:
    key = "0x" + "11" * 32
    command = ("account", "import", "alice", "--key-file", "-", "--json")
    made = shell(*command, text=key + "\n", PEKANU_PASSWORD="x").json  # noqa: S106
    assert made["address"] == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


@pytest.mark.parametrize("key", ["", "0x12", "11" * 31 + "zz", "0x" + "00" * 32])
def test_import__of_what_is_no_key__is_refused_without_repeating_it(shell: Shell, key: str) -> None:
    command = ("account", "import", "alice", "--key-file", "-")
    run = shell(*command, text=key, PEKANU_PASSWORD="x")  # noqa: S106
    run.assert_refused(2, "not a private key")
    assert not key or key not in run.err


def test_import__without_a_source__is_refused(shell: Shell) -> None:
    shell("account", "import", "alice").assert_refused(2, "exactly one of")


def test_balance__of_a_funded_account__tells_wallet_and_market(
    market: Shell, devnet: RunningChain
) -> None:
    told = market("account", "balance", devnet.addresses[5], "--json").json
    assert told == {
        "address": devnet.addresses[5],
        "chain_id": devnet.chain_id,
        "wallet_wei": str(10_000 * 10**18),
        "market_wei": "0",
    }


def test_deposit_and_withdraw__of_one_ether__moves_exactly_that(market: Shell) -> None:
    before = market("account", "balance", "bob", "--json").json
    put = market("account", "deposit", "1", "ether", "--account", "bob", "--json").json
    assert int(put["market_wei"]) - int(before["market_wei"]) == 10**18
    taken = market("account", "withdraw", "all", "--account", "bob", "--json").json
    assert taken["market_wei"] == "0"
    fees = int(put["fee_wei"]) + int(taken["fee_wei"])
    after = market("account", "balance", "bob", "--json").json
    total = int(before["wallet_wei"]) + int(before["market_wei"])
    assert int(after["wallet_wei"]) == total - fees


def test_withdraw__of_more_than_is_free__is_refused(market: Shell) -> None:
    run = market("account", "withdraw", "1", "wei", "--account", "alice")
    run.assert_refused(1, "has 0 ether free in the market")


@pytest.mark.parametrize("amount", ["1.5 wei", "-1", "one ether", "1 dogecoin", "0 ether", "1e18"])
def test_deposit__of_what_is_no_amount__is_refused(market: Shell, amount: str) -> None:
    run = market("account", "deposit", "--account", "bob", "--", amount)
    assert run.code == 2
    assert run.err.count("error: ") == 1


def test_deposit__with_the_wrong_password__is_refused(market: Shell) -> None:
    command = ("account", "deposit", "1 ether", "--account", "bob")
    run = market(*command, PEKANU_PASSWORD="wrong")  # noqa: S106
    run.assert_refused(2, "the password of 'bob' is wrong")


def test_deposit__with_a_password_file__is_done(market: Shell, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    command = ("account", "deposit", "5 wei", "--account", "bob", "--password-file", file)
    assert market(*command, PEKANU_PASSWORD="wrong").code == 0  # noqa: S106
    assert market("account", "withdraw", "all", "--account", "bob").code == 0


def test_deposit__with_a_missing_password_file__is_refused(market: Shell) -> None:
    command = ("account", "deposit", "1 wei", "--account", "bob", "--password-file", "nowhere")
    market(*command).assert_refused(2, "the password file nowhere cannot be read")


def test_deposit__from_an_empty_wallet__is_refused(market: Shell) -> None:
    run = market("account", "deposit", "1 ether", "--account", "carol")
    assert run.code == 1
    assert run.err.startswith("error: ")
    assert "ether" in run.err


def test_deposit__without_saying_which_of_several_accounts__is_refused(market: Shell) -> None:
    run = market("account", "deposit", "1 wei")
    run.assert_refused(2, "there are several accounts: alice, bob, carol")


def test_deposit__by_an_unknown_account__is_refused(market: Shell) -> None:
    run = market("account", "deposit", "1 wei", "--account", "mallory")
    run.assert_refused(2, "there is no account 'mallory' here")
