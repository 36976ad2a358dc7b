"""The project's benchmarks: what `pekanu bench` measures.

    gas        what each call of the contracts costs, from receipts of a development chain
    machine    how fast programs run, beside native code of the same C
    market     what the market adds to a tiny computation
    storage    how fast files are stored and fetched, beside restic and borg
    sealing    how fast outputs are sealed and opened, beside plain hashing

Not here: how results are printed (`pekanu.cli`). A benchmark is never a test.
"""
