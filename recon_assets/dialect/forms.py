"""The common form of two columns: as what their values are written down and compared."""

from dataclasses import dataclass

from recon_assets.errors import DeclarationError
from recon_assets.model import Kind, Rule, Type


@dataclass(frozen=True)
class Form:
    """How the values of two columns become texts that can be compared.

    Attributes:
        kind: As what both are written down.
        framed: The text may hold any character, so its length goes before it.
        decisive: Equal texts are equal values; else every value must be looked at.
        canonical: Equal values have equal texts; else values may be equal although their texts differ.
    """

    kind: Kind
    length_prefixed: bool
    equal_text_proves_equal: bool = True
    different_text_proves_different: bool = True


_TEXTS = {Kind.TEXT, Kind.CHAR, Kind.ENUM}
_EXACT = {Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN}
_NUMBERS = {*_EXACT, Kind.FLOAT}
_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}
_FAMILIES: tuple[tuple[set[Kind], Kind], ...] = (
    (_EXACT, Kind.DECIMAL),
    (_NUMBERS, Kind.FLOAT),
    (_TEXTS, Kind.TEXT),
    (_MOMENTS, Kind.TIMESTAMP),
    ({Kind.UUID, *_TEXTS}, Kind.UUID),
    ({Kind.JSON, *_TEXTS}, Kind.JSON),
)
_READ_AS = {
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "float32": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
    "timestamp": Kind.TIMESTAMP,
    "number": Kind.DECIMAL,
}
_UNFRAMED = {*_NUMBERS, *_MOMENTS, Kind.TIME, Kind.BINARY}


def form(left: Type, right: Type, rule: Rule, *, same_dialect: bool, zone: str = "UTC") -> Form:
    """The common form of a column of the source and one of the target.

    ``zone`` is that of times without one.

    Raises:
        DeclarationError: When values of the two types have no common meaning and no rule gives them one.
    """
    kinds = {left.kind, right.kind}
    if Kind.UNSUPPORTED in kinds:
        named = left if left.kind is Kind.UNSUPPORTED else right
        msg = f"{named.name} has no exact form in other databases; cast it under columns.cast, or leave the column out"
        raise DeclarationError(msg)
    if rule.read_as:
        return Form(
            _READ_AS[rule.read_as],
            length_prefixed=True,
            equal_text_proves_equal=False,
            different_text_proves_different=False,
        )
    kind = _common(left, right)
    zoned = kind is Kind.TIMESTAMP and Kind.INSTANT in kinds and len(kinds) > 1 and zone != "UTC"
    mixed = kind is Kind.FLOAT and kinds != {Kind.FLOAT}
    vague = {Kind.FLOAT: not same_dialect, Kind.JSON: True, Kind.UUID: len(kinds) > 1}.get(kind, False)
    return Form(
        kind,
        length_prefixed=not kinds <= {*_UNFRAMED, Kind.UUID},
        equal_text_proves_equal=not (zoned or mixed),
        different_text_proves_different=not (zoned or mixed or vague or rule != Rule()),
    )


def _common(left: Type, right: Type) -> Kind:
    if left.kind is right.kind:
        return left.kind
    if Kind.ANY in {left.kind, right.kind}:
        return right.kind if left.kind is Kind.ANY else left.kind
    for family, kind in _FAMILIES:
        if {left.kind, right.kind} <= family:
            return kind
    msg = (
        f"{left.name} and {right.name} have no common meaning; say by a rule what the values are to be read as"
        f" (as: {' | '.join(_READ_AS)}), cast one under columns.cast, or leave the column out"
    )
    raise DeclarationError(msg)
