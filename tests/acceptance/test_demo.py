"""The demonstration, as `make demo` runs it."""

from __future__ import annotations

from support.shell import Shell


def test_demo__played_to_the_end__pays_each_party_its_due(shell: Shell) -> None:
    scenes = shell("demo", "--json").json
    endings = [scene["ending"] for scene in scenes]
    assert endings == ["settled", "refuted", "settled", "forfeited", "expired", "settled"]
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
    assert [one is not None for one in disputes] == [False, True, True, False, False, False]
    bond = disputes[2]["bond"]
    accused = {"client": -price - int(bond), "worker": price + int(bond)}
    assert gains == [paid, compensated, accused, compensated, compensated, paid]
    for one in disputes[1:3]:
        assert one["max_steps"] > 10**8
        assert one["proved"]["shown"]["instruction"]
    false = disputes[1]["proved"]
    assert (false["claimed"] == false["after"]) is (false["claimed_by"] == 2)
    honest = {one["call"]: one["gas"] for one in scenes[0]["expenses"]}
    assert honest["post_accepted"] + honest["settle"] <= 120_000
