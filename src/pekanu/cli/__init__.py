"""The command line: what people and scripts touch.

Data goes to stdout, everything else to stderr. `main` is the way in. What is not here: what the
commands do, which the layers below hold; a module here parses, calls and prints.
"""

from pekanu.cli.main import main

__all__ = ["main"]
