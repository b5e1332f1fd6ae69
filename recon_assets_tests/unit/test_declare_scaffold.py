"""Which tables of two databases `recon init` takes for one."""

import pytest

from recon_assets.declare.scaffold import Found, choices, matches


def listed(*names: str) -> list[Found]:
    """Tables as ``schema.name``; a view begins with ``view ``."""
    found = []
    for name in names:
        written = name.removeprefix("view ")
        schema, _, plain = written.partition(".")
        found.append(Found(schema, plain, written, is_view=written != name))
    return found


@pytest.mark.parametrize(
    ("sources", "targets", "pairs"),
    [
        (["a.t", "b.t"], ["b.t", "a.t"], ["a.t a.t", "b.t b.t"]),
        (
            ["dbo.Order", "dbo.Item"],
            ["raw.order", "raw.item", "mart.order"],
            ["dbo.Item raw.item", "dbo.Order raw.order"],
        ),
        (["a.t", "b.u"], ["raw.t", "raw.u"], ["a.t raw.t", "b.u raw.u"]),
        (["a.t"], ["raw.t", "mart.t"], []),
        (["a.t", "b.T"], ["raw.t"], []),
        (["a.orders"], ["a.order", "raw.orders"], ["a.orders raw.orders"]),
        (["a.order"], ["a.orders"], ["a.order a.orders"]),
        (["a.order", "a.ORDERS"], ["a.orders"], ["a.ORDERS a.orders"]),
        (["view a.t", "b.t"], ["raw.t"], ["b.t raw.t"]),
        (["view a.t", "view a.u"], ["raw.t"], ["a.t raw.t"]),
    ],
)
def test_tables_meet_in_the_likeliest_schema(sources: list[str], targets: list[str], pairs: list[str]) -> None:
    """The same schema, then the one that shares more names than any other, then a name of which there is one."""
    found = matches(listed(*sources), listed(*targets))

    assert [f"{pair.source.written} {pair.target.written}" for pair in found] == pairs


def test_what_could_be_meant_is_asked() -> None:
    """All of one name, on both sides."""
    asked = choices(listed("a.t", "a.alone"), listed("raw.T", "mart.t", "raw.other"))

    assert list(asked) == ["a.t of the source, raw.T or mart.t of the target"]
