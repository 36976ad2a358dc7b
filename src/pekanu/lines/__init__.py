"""Connections that block, on threads that the event loop can end.

Not here: what is said over them (`pekanu.chain.rpc_session`, `pekanu.node.peer_line`).
"""
