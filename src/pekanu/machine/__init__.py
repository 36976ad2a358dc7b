"""The machine: what a program means, step by step.

RV32IM with a memory that is committed to by a Merkle tree. Not here: its one-step referee on chain
(contracts/MachineStep.vy), and who buys and sells runs (`pekanu.market`, `pekanu.node`).
Source: design/machine.md.
"""
