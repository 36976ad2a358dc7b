"""Storage, pure: what is agreed and signed, the trees behind it, and who is paid what when.

Not here: the chain's doors (`pekanu.chain`), the nodes that keep and fetch bytes (`pekanu.node`).
"""
