"""The demonstration, as `make demo` runs it."""

from __future__ import annotations

from dataclasses import replace

from support.shell import Shell


def test_demo__played_to_the_end__pays_each_party_its_due(shell: Shell) -> None:
    patient = replace(shell, timeout_seconds=280.0)
    scenes = patient("demo", "--json").json
    endings = [scene["ending"] for scene in scenes]
    tasks = ["settled", "refuted", "settled", "forfeited", "expired", "settled"]
    assert endings == [*tasks, "settled", "refuted", "settled", "ended", "fined"]
    gains = [
        {
            one["party"]: one["after_wei"] - one["before_wei"] + one["gas_wei"]
            for one in scene["balances"]
        }
        for scene in scenes
    ]
    price, stake = 10**16, 5 * 10**16
    paid = {"client": -price, "worker": price}
    compensated = {"client": stake, "worker": -stake}
    disputes = [scene["dispute"] for scene in scenes]
    assert [number for number, one in enumerate(disputes) if one is not None] == [1, 2]
    bond = disputes[2]["bond"]
    accused = {"client": -price - int(bond), "worker": price + int(bond)}
    assert gains[:6] == [paid, compensated, accused, compensated, compensated, paid]
    assert gains[6:9] == [paid, compensated, paid]
    assert any("the forgotten password was found" in line for line in scenes[6]["story"])
    assert any("a ringer is missing" in line for line in scenes[7]["story"])
    kept, lost = gains[9:]
    assert kept["client"] == -kept["provider"] < 0
    # The price of a day or less, which was served, against the whole penalty.
    assert lost["client"] == -lost["provider"] > 0
    for one in disputes[1:3]:
        assert one["max_steps"] > 10**8
        assert one["proved"]["shown"]["instruction"]
    false = disputes[1]["proved"]
    assert (false["claimed"] == false["after"]) is (false["claimed_by"] == 2)
    honest = {one["call"]: one["gas"] for one in scenes[0]["expenses"]}
    assert honest["post_accepted"] + honest["settle"] <= 120_000
