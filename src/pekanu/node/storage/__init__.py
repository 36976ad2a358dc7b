"""Storage between nodes: the messages of both sides, and the client's side of the 14 steps.

Not here: the provider (`pekanu.node.provider`), the pure rules (`pekanu.storage`).
"""
