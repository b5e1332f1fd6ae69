"""Which names of two lists mean one thing, though two conventions wrote them: `InvoiceLine` and `invoice_line`.

Pure: names in, pairs out. `init`, `recon diff` and the hints about columns all ask here, so that they agree.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class NameRule(StrEnum):
    """Why two names are taken for one, the surest first; the text is what people read."""

    EQUAL = "equal"
    ALIKE = "alike but for case and _"
    PLURAL = "singular and plural"
    PREFIX = "alike but for a prefix"


@dataclass(frozen=True)
class NamePair:
    """A name of the source and the one of the target that means the same."""

    source: str
    target: str
    rule: NameRule


@dataclass(frozen=True)
class NameMatches:
    """What belongs together.

    Attributes:
        pairs: Each name is in one pair at most, in the source's order.
        ambiguous: Names of both sides that are one by a rule, and more than two: a person must say which.
    """

    pairs: tuple[NamePair, ...]
    ambiguous: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    @property
    def renames(self) -> dict[str, str]:
        """The target's names, by the source's, where the two are not equal."""
        return {pair.source: pair.target for pair in self.pairs if pair.rule is not NameRule.EQUAL}

    def choices(self, name: str) -> tuple[str, ...]:
        """The names of the other side between which a person must choose for ``name``."""
        for source, target in self.ambiguous:
            if name in source or name in target:
                return target if name in source else source
        return ()


def match_names(source: Iterable[str], target: Iterable[str], *, of_tables: bool = False) -> NameMatches:
    """Pairs the names of two sides, by the surest rule first.

    A name that one rule paired takes no part in the next. A rule pairs two names only where each has no other choice,
    so that nothing depends on the order of names.

    Args:
        source: Names, each once.
        target: Likewise.
        of_tables: Whether a name may be the plural of another, or have a prefix (``stg_``), as tables do.
    """
    here, there = list(dict.fromkeys(source)), list(dict.fromkeys(target))
    order = {name: place for place, name in enumerate(here)}
    found: list[NamePair] = []
    groups: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for rule in NameRule if of_tables else (NameRule.EQUAL, NameRule.ALIKE):
        groups = _groups(here, there, _FORMS[rule])
        pairs = [NamePair(left[0], right[0], rule) for left, right in groups if len(left) == len(right) == 1]
        found += pairs
        here = [name for name in here if name not in {pair.source for pair in pairs}]
        there = [name for name in there if name not in {pair.target for pair in pairs}]
    ambiguous = tuple(group for group in groups if len(group[0]) + len(group[1]) > 2)
    return NameMatches(tuple(sorted(found, key=lambda pair: order[pair.source])), ambiguous)


def plain_name(name: str) -> str:
    """The name without what conventions add: capitals, and marks between words. As it is where nothing else is left."""
    return re.sub(r"[\s_.-]", "", unicodedata.normalize("NFKC", name).casefold()) or name


def _with_singulars(name: str) -> frozenset[str]:
    """The plain name, and those of which it may be the plural."""
    plain = plain_name(name)
    found = {plain, plain.removesuffix("s")}
    if re.search(r"(s|x|z|ch|sh|o)es$", plain):
        found.add(plain[:-2])
    if plain.endswith("ies"):
        found.add(f"{plain[:-3]}y")
    return frozenset(found)


_LAYER = re.compile(
    r"(?i:stg|staging|stage|raw|src|source|ods|base|landing|lnd|dwh|dim|fct|fact|bronze|silver|gold|tbl)"
    r"(?:_+(?:.+__)?|(?=[A-Z]))(?=.)"
)
"""What warehouses put before a table's name: its layer, and the source up to two marks (``stg_shop__orders``)."""


def _without_prefix(name: str) -> frozenset[str]:
    """The plain name and singulars, without and with the prefix of a layer."""
    return _with_singulars(name) | _with_singulars(_LAYER.sub("", name, count=1) if _LAYER.match(name) else name)


_FORMS: Mapping[NameRule, Callable[[str], frozenset[str]]] = {
    NameRule.EQUAL: lambda name: frozenset({name}),
    NameRule.ALIKE: lambda name: frozenset({plain_name(name)}),
    NameRule.PLURAL: _with_singulars,
    NameRule.PREFIX: _without_prefix,
}


def _groups(
    source: Sequence[str], target: Sequence[str], forms: Callable[[str], frozenset[str]]
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The names that share a form, directly or by way of others, where both sides have some."""
    by_form: dict[str, tuple[set[str], list[str], list[str]]] = {}
    for side, names in (("source", source), ("target", target)):
        for name in names:
            group = (set(forms(name)), [name] if side == "source" else [], [name] if side == "target" else [])
            for other in {id(by_form[form]): by_form[form] for form in group[0] if form in by_form}.values():
                group = (group[0] | other[0], other[1] + group[1], other[2] + group[2])
            by_form.update(dict.fromkeys(group[0], group))
    groups = {id(group): group for group in by_form.values()}.values()
    return [(tuple(left), tuple(right)) for _, left, right in groups if left and right]
