"""The demonstration, as `make demo` runs it."""

from __future__ import annotations

from support.shell import Shell


def test_demo__played_to_the_end__pays_each_party_its_due(shell: Shell) -> None:
    scenes = shell("demo", "--json").json
    endings = [scene["ending"] for scene in scenes]
    assert endings == ["settled", "settled", "forfeited", "expired", "settled"]
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
    # The second is the loss that SECURITY.md tells of.
    assert gains == [paid, paid, compensated, compensated, paid]
    honest = {one["call"]: one["gas"] for one in scenes[0]["expenses"]}
    assert honest["post_accepted"] + honest["settle"] <= 120_000
