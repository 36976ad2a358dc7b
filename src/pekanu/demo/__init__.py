"""The demonstration: real nodes trade real work on a development chain, and some of them cheat.

    town     the chain, the market and people with money
    cheats   workers that break the protocol, each in one way; nothing in the product starts them
    goods    what they trade: real work, and how one sees that it is right
    scenes   what happens, scene by scene; storage_scenes: to stored files
    report   who had what before and after, and what each transaction cost

Not here: printing it (`pekanu.cli`).
"""

from pekanu.demo.report import Balance, Expense, SceneReport
from pekanu.demo.scenes import SCENES, Scene, play
from pekanu.demo.storage_scenes import STORAGE_SCENES, StorageScene, play_storage
from pekanu.demo.town import Town, open_town

__all__ = [
    "SCENES",
    "STORAGE_SCENES",
    "Balance",
    "Expense",
    "Scene",
    "SceneReport",
    "StorageScene",
    "Town",
    "open_town",
    "play",
    "play_storage",
]
