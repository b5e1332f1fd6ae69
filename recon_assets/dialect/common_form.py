"""The common form of two columns: as what their values are written down and compared."""

from dataclasses import dataclass

from recon_assets.errors import DeclarationError
from recon_assets.model import Kind, Rule, Type
from recon_assets.values import KINDS
from recon_assets.values.native import without_form


@dataclass(frozen=True)
class Form:
    """How the values of two columns become texts that can be compared.

    Attributes:
        kind: As what both are written down.
        length_prefixed: The text may hold any character, so its length goes before it.
        equal_text_proves_equal: Equal texts are equal values; else every value must be looked at.
        different_text_proves_different: Else values may be equal although their texts differ.
    """

    kind: Kind
    length_prefixed: bool
    equal_text_proves_equal: bool = True
    different_text_proves_different: bool = True


AS_TEXT = {"postgresql": "text", "duckdb": "varchar", "mysql": "char", "mariadb": "char", "sqlite": "text"}
"""The type to which each database casts what it would write down as text."""

_READ_AS = {
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "float32": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
    "timestamp": Kind.TIMESTAMP,
    "number": Kind.DECIMAL,
}


def common_form(left: Type, right: Type, rule: Rule, *, same_dialect: bool, zone: str = "UTC") -> Form:
    """The common form of a column of the source and one of the target.

    ``zone`` is that of times without one.

    Raises:
        DeclarationError: When values of the two types have no common meaning and no rule gives them one.
    """
    kinds = {left.kind, right.kind}
    alone = without_form(left, right)
    if alone:
        other_parts = alone.kind is Kind.NATIVE and left.name == right.name
        why = "is made of other parts there" if other_parts else "has no exact form in other databases"
        cast = (
            "cast the column to a type that both have"
            " (columns.cast in YAML, `--cast COLUMN=TYPE` of recon diff), or leave the column out"
        )
        msg = f"{alone.name} {why}; {_QUERY if Kind.BINARY in kinds else cast}"
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
    holds = {"everywhere": True, "one kind": len(kinds) == 1, "one product": same_dialect, "nowhere": False}
    return Form(
        kind,
        length_prefixed=any(KINDS[each].any_character for each in kinds),
        equal_text_proves_equal=not (zoned or mixed),
        different_text_proves_different=not (zoned or mixed or rule != Rule()) and holds[KINDS[kind].different_text],
    )


_QUERY = (
    "read a query instead of the table, in which both are texts (of addresses host(x) and inet6_ntoa(x), of bytes"
    " encode(x, 'hex') and lower(hex(x))), for no cast makes texts of bytes; or leave the column out"
)


def _common(left: Type, right: Type) -> Kind:
    if left.kind is right.kind:
        return left.kind
    if Kind.ANY in {left.kind, right.kind}:
        return right.kind if left.kind is Kind.ANY else left.kind
    for one, other in ((left.kind, right.kind), (right.kind, left.kind)):
        if other in KINDS[one].compared_with:
            return KINDS[one].compared_with[other]
    cast = "cast it (columns.cast, `--cast COLUMN=TYPE`), or leave the column out"
    msg = (
        f"{left.name} and {right.name} have no common meaning; say by a rule what the values are to be read as"
        f" ({', '.join(_READ_AS)}: columns.rules in YAML, `--rule COLUMN:as=KIND` of recon diff),"
        f" {_QUERY if Kind.BINARY in {left.kind, right.kind} else cast}"
    )
    raise DeclarationError(msg)
