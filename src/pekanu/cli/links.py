"""Links to stored files in the place of files: fetched and verified before the command begins.

Not here: what a link is (`pekanu.storage.link`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from pekanu.cli.output import note
from pekanu.cli.session import Session


def fetch_links(
    session: Session, inputs: list[str], program: Path | None, folder: Path
) -> tuple[list[str], Path | None]:
    """Return inputs and program with each link replaced by a file below a folder.

    Args:
        session: Names the account that fetches.
        inputs: ``NAME=FILE``, or ``FILE`` of a program of one's own.
        program: Its file.
        folder: Where fetched files lie.
    """
    from pekanu.storage.link import is_link

    words = [text if program else text.partition("=")[2] for text in inputs]
    if not any(is_link(word) for word in (*words, str(program or ""))):
        return inputs, program
    return asyncio.run(_fetch(session, inputs, program, folder))


async def _fetch(
    session: Session, inputs: list[str], program: Path | None, folder: Path
) -> tuple[list[str], Path | None]:
    from pekanu.cli.store import open_store
    from pekanu.node.storage.store import Store
    from pekanu.storage.link import is_link

    async with open_store(session, "a fetch from the store") as storer:
        store = Store(storer)

        async def resolve(text: str) -> str:
            if not is_link(text):
                return text
            path = await store.fetch_file(text, folder)
            note(f"{path.name} was fetched from the store and verified")
            return str(path)

        own = Path(await resolve(str(program))) if program else None
        given = []
        for text in inputs:
            name, equals, value = ("", "", text) if program else text.partition("=")
            given.append(name + equals + await resolve(value))
        return given, own
