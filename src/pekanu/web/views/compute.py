"""New computation: the catalog, a form from a schema, the estimate as one types, quotes.

What is not here: the dialog before the order (`review`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.result import ResultPart
from pekanu.web.views.shell import Link, Money


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionCard:
    """A function in the catalog."""

    name: str
    title: str
    summary: str
    #: How its output is verified, in words.
    check: str
    #: What the result is shown as: ``picture``, ``table`` …
    shown_as: tuple[str, ...]
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogPage:
    """`compute.html`."""

    functions: tuple[FunctionCard, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """An input of a form."""

    name: str
    title: str
    description: str
    #: ``integer``, ``number``, ``choice``, ``text`` (a textarea) or ``array`` (one with JSON).
    widget: str
    #: What stands in it.
    value: str
    #: What the example puts in.
    example: str
    #: The words of a choice.
    choices: tuple[str, ...]
    minimum: str
    maximum: str
    is_required: bool
    #: Suffixes of files that may be dropped on it, such as ``.npy,.csv``; empty: no files.
    accepts: str
    #: A file that is in its place, as ``NAME, 12 KiB``; empty when there is none. Its id is in
    #: `value` then, as ``upload:ID``.
    upload: str
    #: What is wrong with it; empty when nothing is.
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyChoice:
    """A way to verify."""

    value: str
    title: str
    description: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RingersField:
    """The slider of a search."""

    value: int
    most: int
    recommended: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EstimateView:
    """`estimate.html`: what is known before anybody is asked."""

    #: The inputs fit; quotes can be asked for.
    is_valid: bool
    #: Field problems by name, and on the whole under the empty name.
    problems: tuple[tuple[str, str], ...]
    #: In words, such as ``4.2 million steps``; empty while it is not valid.
    steps: str
    input_size: str
    output_size: str
    #: Of a search: the share that a worker leaves out, and its chance to get away with that.
    odds: tuple[tuple[str, str], ...]
    #: What announced workers would ask by their records, ``about 0.0001 ether``; empty when
    #: nobody works.
    cost: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FormPage:
    """`compute_form.html`."""

    function: FunctionCard
    description: str
    fields: tuple[Field, ...]
    policies: tuple[PolicyChoice, ...]
    #: Of a search; None else.
    ringers: RingersField | None
    #: What may be spent at most; what stands in the field.
    max_price: str
    estimate: EstimateView
    #: Why nothing can be ordered now (no account, locked, no money), empty when it can.
    obstacle: str
    #: Where the obstacle is removed.
    obstacle_href: str
    #: Of an input's file.
    max_file_bytes: int
    #: Hosted: encrypted talk with workers stays with the client's own node.
    is_orderable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteRow:
    """What one worker asks."""

    worker: Link
    price: Money
    stake: Money
    settled: int
    expired: int
    lost: int
    #: Free slots.
    capacity: int
    #: In words: ``1 h 40 min``.
    longest: str
    #: What each risks, one sentence.
    risk: str
    #: Value of the radio button, and of the field ``quote`` in review and order.
    value: str
    is_best: bool
    #: It is above what may be spent at most.
    is_too_dear: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotesView:
    """`quotes.html`."""

    rows: tuple[QuoteRow, ...]
    #: Workers that were asked, and how many of them answered by now.
    asked: int
    answered: int
    #: Why there is none; empty when there is.
    problem: str
    hint: str

    @property
    def is_asking(self) -> bool:
        """Whether answers are still to come."""
        return self.answered < self.asked


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleResult:
    """What an example's result looks like."""

    parts: tuple[ResultPart, ...]
