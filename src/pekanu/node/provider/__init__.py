"""The storage provider: what it keeps, for whom, what it is asked, what it does on chain.

`vault` holds bytes, `index` knows which lie where and who pays for them. Not here: the messages
and the channel (`pekanu.node.storage`), the contracts' rules (`pekanu.storage`).
"""
