"""What each instruction does, by families.

Each one is a function that changes the state in place, in this order: operands, operation, program
counter; its fetch is the same for all (`step`). A load is given the leaf that it reads; a store is
given the leaf that it changes and returns it changed.
"""
