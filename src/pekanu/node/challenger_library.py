"""Where a challenger finds out what a task computes: bundles, programs, inputs, a client's journal.

A task on chain names its terms by a hash alone. They are known from a bundle, or guessed: what a
client's software proposes by default for a known program on a known input. A guess that is wrong
has another hash. What is not here: what is done about a claim (`challenger`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pekanu import catalog
from pekanu.errors import PekanuError
from pekanu.market.task import Task, Terms
from pekanu.node.audit_bundle import SUFFIX, AuditBundle
from pekanu.node.client_shelf import ClientShelf
from pekanu.node.dispute_terms import build_terms, get_max_steps
from pekanu.node.input_facts import get_inputs_root
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Hash32

_LOG: Final = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Library:
    """Files that somebody brought.

    Args:
        bundles: Audit bundles, or folders of them.
        inputs: Framed inputs of catalog functions, or folders of them.
        shelves: Journals of clients that keep their state here.
    """

    bundles: Sequence[Path] = ()
    inputs: Sequence[Path] = ()
    shelves: Sequence[ClientShelf] = ()
    _known: dict[tuple[Path, int], AuditBundle] = field(default_factory=dict)
    _guesses: dict[Path, list[tuple[Terms, catalog.Function]]] = field(default_factory=dict)

    def find(self, task_id: Hash32, task: Task) -> AuditBundle | None:
        """Return what a task computes, or None; blocks while files are read."""
        for bundle in self._list_bundles():
            if bundle.task_id == task_id and bundle.is_of(task):
                return bundle
        for shelf in self.shelves:
            found = shelf.find(task_id)
            if found is not None and found.is_of(task):
                return found
        return self._guess(task_id, task)

    def _list_bundles(self) -> Iterator[AuditBundle]:
        for path in _list_files(self.bundles, SUFFIX):
            key = path, path.stat().st_mtime_ns
            if key not in self._known:
                try:
                    self._known[key] = AuditBundle.read(path)
                except (PekanuError, OSError) as error:
                    _LOG.warning("%s is passed over: %s", path, error)
                    continue
            yield self._known[key]

    def _guess(self, task_id: Hash32, task: Task) -> AuditBundle | None:
        if task.count != 1:
            return None
        for path in _list_files(self.inputs, ""):
            for terms, function in self._list_guesses(path):
                usual = build_terms(
                    terms.program_id,
                    terms.inputs_root,
                    max_steps=terms.max_steps,
                    bond=terms.bond,
                    response_window=task.response_window,
                )
                if usual.hash() == task.terms:
                    return AuditBundle(
                        task_id=task_id,
                        terms=usual,
                        program=function.program_path.read_bytes(),
                        input=path.read_bytes(),
                        count=1,
                    )
        return None

    def _list_guesses(self, path: Path) -> list[tuple[Terms, catalog.Function]]:
        """Return what the catalog's functions might be asked to compute on an input."""
        if path not in self._guesses:
            content = path.read_bytes()
            root = get_inputs_root([content])
            self._guesses[path] = list(_guess_terms(content, root))
        return self._guesses[path]


def _guess_terms(content: bytes, root: Hash32) -> Iterator[tuple[Terms, catalog.Function]]:
    for name in catalog.names():
        try:
            function = catalog.get(name)
            function.parse_frame(content)
            max_steps = get_max_steps(function.estimate_steps(content))
            yield (
                Terms(
                    program_id=function.program_id,
                    inputs_root=root,
                    max_steps=max_steps,
                    bond=WorkerTerms().get_bond(max_steps),
                ),
                function,
            )
        except PekanuError:
            continue


def _list_files(places: Sequence[Path], suffix: str) -> Iterator[Path]:
    for place in places:
        found = sorted(place.rglob(f"*{suffix}")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file())
