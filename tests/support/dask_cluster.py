"""A Dask cluster of two processes on this machine, until standard input ends.

Run as: dask_cluster.py. It says the port of its scheduler.
"""

from __future__ import annotations

import sys

from distributed import LocalCluster


def main() -> None:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        sys.stdout.write(f"{cluster.scheduler_address.rpartition(':')[2]}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
