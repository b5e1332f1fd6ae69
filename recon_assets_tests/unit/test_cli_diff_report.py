"""What a comparison found, as JSON, CSV and HTML, and as people see its values."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.table import Table

from recon_assets.cli import diff, diff_report
from recon_assets.cli.diff_report import ComparedTable, Report
from recon_assets.cli.output import beside
from recon_assets.errors import DeclarationError, UnavailableError
from recon_assets.model import Comparison, Counts, Discrepancy, DiscrepancyKind, NotCompared, Value, value_text

LOST: dict[str, Value] = {"id": 1, "name": "=1+1", "price": None}
ODD = Discrepancy(
    DiscrepancyKind.MISMATCHED,
    (3,),
    {"id": 3, "name": "<b>", "price": "-1.50"},
    {"id": 3, "name": 'say "hi"\n', "price": ""},
    ("name", "price"),
)
FOUND = Comparison(
    Counts(3, 2, 2, 1, 1),
    missing=(Discrepancy(DiscrepancyKind.MISSING, (1,), LOST),),
    extra=(Discrepancy(DiscrepancyKind.EXTRA, (2,), None, {"id": 2, "name": "b", "price": True}),),
    mismatched=(ODD,),
    by_column={"name": 1, "price": 1},
    columns=("id", "name", "price"),
    key=("id",),
    not_compared=(
        NotCompared("tags", "source", "only in the source"),
        NotCompared("odd", "both", "xml has no form; cast it"),
    ),
)
REPORT = Report(ComparedTable("sqlite:///a.db", "t"), ComparedTable("sqlite:///b.db", "u"), FOUND, ("All are odd.",))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (-5, "-5"),
        ("a b", "a b"),
        ("", "''"),
        ("NULL", "'NULL'"),
        ("true", "'true'"),
        ("a ", "'a '"),
        ("a\tb", r"'a\tb'"),
        ("\x1b[31m", r"'\x1b[31m'"),
        ("a\u200bb", r"'a\u200bb'"),
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_shown_values_cannot_be_mistaken(value: Value, text: str) -> None:
    """NULL is not the text NULL, an empty text is seen, and nothing steers the terminal."""
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a", "b", ("a", "b")),
        ("caf\u00e9", "cafe\u0301", (r"'caf\xe9'", r"'cafe\u0301'")),
        ("x" * 50 + "a", "x" * 50 + "b", ("…" + "x" * 5 + "a", "…" + "x" * 5 + "b")),
        ("a" + "x" * 50, "b" + "x" * 50, ("a" + "x" * 13 + "…", "b" + "x" * 13 + "…")),
        (None, "NULL", ("NULL", "'NULL'")),
    ],
)
def test_two_values_are_cut_where_they_agree(source: Value, target: Value, expected: tuple[str, str]) -> None:
    """What differs is always seen."""
    assert beside(source, target, 15) == expected


def test_json_is_exactly_what_was_promised() -> None:
    """The keys, in this order, and nothing else."""
    assert json.loads("".join(diff_report.as_pieces(REPORT))) == {
        "verdict": REPORT.verdict,
        "counts": {"source": 3, "target": 2, "missing": 2, "extra": 1, "mismatched": 1},
        "missing": [[1]],
        "extra": [[2]],
        "missing_records": [],
        "extra_records": [],
        "mismatched": [{"key": [3], "columns": {"name": ["<b>", 'say "hi"\n'], "price": ["-1.50", ""]}}],
        "duplicate_keys": 0,
        "in_flight": 0,
        "complete": False,
        "undated": None,
        "outside": None,
        "key": ["id"],
        "columns": ["id", "name", "price"],
        "renamed": {},
        "not_compared": [
            {"column": "tags", "side": "source", "why": "only in the source"},
            {"column": "odd", "side": "both", "why": "xml has no form; cast it"},
        ],
    }


def test_csv_can_be_opened_by_a_spreadsheet(tmp_path: Path) -> None:
    """A line a cell; NULL is not an empty text; a formula is a text; a negative number stays one."""
    out = tmp_path / "found.csv"

    diff_report.write(out, REPORT)

    assert out.read_bytes().decode().split("\r\n") == [
        '"kind","id","column","source","target"',
        '"missing",1,,"{""id"": 1, ""name"": ""=1+1"", ""price"": null}",',
        '"extra",2,,,"{""id"": 2, ""name"": ""b"", ""price"": true}"',
        '"mismatched",3,"name","<b>","say ""hi""\n"',
        '"mismatched",3,"price","-1.50",""',
        '"not_compared",,"tags","only in the source",',
        '"not_compared",,"odd","xml has no form; cast it","xml has no form; cast it"',
        "",
    ]


def test_csv_names_rows_that_were_not_compared(tmp_path: Path) -> None:
    """A file without them would look like that of equal tables."""
    found = Comparison(key=("id",), undated=(1, 2), outside=(9, 0))

    diff_report.write(tmp_path / "x.csv", Report(REPORT.source, REPORT.target, found))

    assert (tmp_path / "x.csv").read_bytes().decode().split("\r\n")[1:] == [
        '"not_compared",,,"1 row without a time","2 rows without a time"',
        '"not_compared",,,"9 rows outside of --window and --where","0 rows outside of --window and --where"',
        "",
    ]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-x", "@a", "\tb", "\r=1", "\n=1", "'=1", "-1+2", "\uff1d1"])
def test_no_cell_is_a_formula(tmp_path: Path, value: str) -> None:
    """Text that a spreadsheet would calculate gets a ' before it."""
    found = Comparison(key=("k",), extra=(Discrepancy(DiscrepancyKind.EXTRA, (value,), None, {"k": value}),))

    diff_report.write(tmp_path / "x.csv", Report(REPORT.source, REPORT.target, found))

    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        assert [row["k"] for row in csv.DictReader(file)] == [f"'{value}"]


def test_html_shows_everything_and_runs_nothing(tmp_path: Path) -> None:
    """Each value is text: no markup of the data gets into the page, which needs nothing else."""
    out = tmp_path / "found.html"

    diff_report.write(out, REPORT)

    page = out.read_text(encoding="utf-8")
    assert "<b>" not in page
    for words in ("&lt;b&gt;", "All are odd.", "NULL", "=1+1", "-1.50", "sqlite:///b.db", "default-src &#39;none&#39;"):
        assert words.replace("&#39;", "'") in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_records_without_a_key_are_shown_whole(tmp_path: Path) -> None:
    """Nothing else tells which record it is."""
    report = Report(REPORT.source, REPORT.target, Comparison(missing=FOUND.missing))

    diff_report.write(tmp_path / "x.csv", report)
    diff_report.write(tmp_path / "x.html", report)

    assert '"missing",1,"\'=1+1",,' in (tmp_path / "x.csv").read_text()
    assert "<th>price</th>" in (tmp_path / "x.html").read_text()


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    """Also then there is a file, which says so."""
    report = Report(REPORT.source, REPORT.target, Comparison(key=("id",)))

    diff_report.write(tmp_path / "x.csv", report)
    diff_report.write(tmp_path / "x.html", report)

    assert (tmp_path / "x.csv").read_text() == '"kind","id","column","source","target"\n'
    assert "Equal: both sides are empty." in (tmp_path / "x.html").read_text()


def test_a_file_is_replaced_when_the_new_one_is_complete(tmp_path: Path) -> None:
    """What stops in the middle leaves the old file, and no other."""
    out = tmp_path / "x.csv"
    out.write_text("old")
    broken = Report(REPORT.source, REPORT.target, Comparison(key=("id",), extra=(None,)))  # type: ignore[arg-type]

    with pytest.raises(AttributeError):
        diff_report.write(out, broken)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert out.read_text() == "old"

    diff_report.write(out, REPORT)
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert out.read_text().startswith('"kind"')


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With the reason, and what to do."""
    with pytest.raises(UnavailableError, match="cannot be written: No such file or directory"):
        diff_report.write(tmp_path / "gone" / "x.csv", REPORT)


@pytest.mark.parametrize("name", ["x.xlsx", "x", ".csv/x.csv", "folder.csv"])
def test_a_bad_name_is_refused_before_anything_is_compared(tmp_path: Path, name: str) -> None:
    """An unknown ending, a folder that is not there, a folder in the place of the file."""
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(DeclarationError, match=r"such as --out differences\.csv"):
        diff_report.check_out(tmp_path / name)


def test_good_names_are_accepted(tmp_path: Path) -> None:
    """None, and either ending in either case."""
    for path in (None, tmp_path / "x.csv", tmp_path / "X.HTML"):
        diff_report.check_out(path)


def _report(comparison: Comparison) -> Report:
    return Report(REPORT.source, REPORT.target, replace(comparison, key=("id",)))


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        (Counts(0, 0), "Equal: both sides are empty."),
        (Counts(1, 1), "Equal: 1 record on both sides, and none differs."),
        (
            Counts(1200, 1199, 3, 2, 5),
            (
                "Different: 3 missing from the target, 2 only in the target, 5 with other values,"
                " of 1,200 records in the source."
            ),
        ),
        (Counts(0, 2, 0, 2, 0), "Different: 2 only in the target, of 0 records in the source."),
    ],
)
def test_verdict(counts: Counts, verdict: str) -> None:
    """One sentence with all figures that are not zero."""
    assert _report(Comparison(counts)).verdict == verdict


TAGS = NotCompared("tags", "source", "only in the source")
ODD_TYPE = NotCompared("odd", "both", "xml has no form; cast it")
LOADED = NotCompared("loaded", "target", "only in the target")
AGREED = Comparison(Counts(4, 4), columns=("id", "name"))
KEYS = replace(AGREED, columns=("id",), key_only=True)


@pytest.mark.parametrize(
    ("found", "code", "strict_code", "verdict"),
    [
        (AGREED, 0, 0, "Equal: 4 records on both sides, and none differs."),
        (
            replace(AGREED, not_compared=(TAGS, ODD_TYPE)),
            0,
            1,
            "Equal in 2 of 4 columns: 4 records on both sides, and none differs; not compared: tags (only in the",
        ),
        (
            replace(AGREED, counts=Counts(4, 4, mismatched=1), not_compared=(LOADED,)),
            1,
            1,
            "Different: 1 with other values, of 4 records in the source; not compared: loaded (only in the target).",
        ),
        (KEYS, 0, 0, "The keys are equal: 4 records on both sides; no other column was to be compared."),
        (
            replace(KEYS, not_compared=(TAGS,)),
            3,
            3,
            "Not known: the keys of 4 records are on both sides, and no other column could be compared; not compared:",
        ),
        (replace(KEYS, counts=Counts(4, 3, missing=1), not_compared=(TAGS,)), 1, 1, "Different: "),
        (
            replace(AGREED, undated=(150, 150)),
            0,
            1,
            "Equal: 4 records on both sides, and none differs; not compared: 150 rows of the source and 150 of the",
        ),
        (
            replace(AGREED, undated=(1, 0)),
            1,
            1,
            "Different: 4 records on both sides, and none differs, but rows without a time are not as many; not",
        ),
        (Comparison(in_flight=3), 3, 3, "Not known: no record was compared; 3 records in flight, and no others."),
        (Comparison(), 0, 0, "Equal: both sides are empty."),
        (Comparison(outside=(0, 0)), 0, 0, "Equal: both sides are empty."),
        (
            Comparison(outside=(2000, 0)),
            3,
            3,
            "Not known: no record was compared; outside of --window and --where: 2,000 rows of the source and 0 of the",
        ),
        (
            Comparison(outside=(9, 9), undated=(1, 1)),
            3,
            3,
            "Not known: no record was compared; outside of --window and --where: 9 rows of the source and 9 of the",
        ),
        (
            Comparison(outside=(0, 0), undated=(1, 1)),
            3,
            3,
            "Not known: no record was compared; all rows are without a time; not compared: 1 row of the source and",
        ),
        (
            replace(AGREED, not_compared=tuple(replace(TAGS, column=name) for name in "abcdefg")),
            0,
            1,
            "Equal in 2 of 9 columns: 4 records on both sides, and none differs; not compared: a (only in the source),",
        ),
    ],
)
def test_what_was_not_compared_stands_in_the_verdict(
    found: Comparison, code: int, strict_code: int, verdict: str
) -> None:
    """It is a difference when the caller is strict; where nothing but the key was compared, nothing is known."""
    assert _report(found).verdict.startswith(verdict)
    assert _report(found).exit_code == code
    strict = replace(_report(found), strict=True)
    assert strict.exit_code == strict_code
    assert strict.verdict.startswith("Equal") == (strict_code == 0 and not found.key_only)


def test_the_verdict_names_some_columns_and_counts_the_rest() -> None:
    """Of a table of many columns, all are in the notes."""
    found = replace(AGREED, not_compared=(ODD_TYPE, *(replace(TAGS, column=name) for name in "abcdef")))

    assert _report(found).verdict.endswith(
        "; not compared: odd (xml has no form), a (only in the source), b (only in"
        " the source), c (only in the source), d (only in the source), and 2 more."
    )
    assert sum(note.startswith("Not compared: ") for note in _report(found).notes()) == 7


@pytest.mark.parametrize(("of", "listed", "heading"), [(2, 2, "T"), (5, 2, "T (2 of 5)"), (30, 30, "T (10 of 30)")])
def test_headings_say_how_many_of_how_many_are_shown(
    capsys: pytest.CaptureFixture[str], of: int, listed: int, heading: str
) -> None:
    """Whether the list is short for its own sake, or because of --max-evidence."""
    diff._sample("T", of, (ODD,) * listed, Table())

    assert capsys.readouterr().out.strip().splitlines()[0] == heading


def test_notes_say_how_to_read_the_figures() -> None:
    """One sentence each; none when there is nothing to know."""
    odd = Comparison(Counts(9, 9, 4, 4), duplicate_keys=1, in_flight=2, undated=(1, 0), not_compared=(TAGS, LOADED))

    assert not list(_report(Comparison()).notes())
    assert [note.partition(":")[0] for note in _report(odd).notes()] == [
        "Listed are 0 of the 8 records that differ (--max-evidence); the counts are exact.",
        "Not unique",
        "In flight",
        "Without a time",
        "Not compared",
        "Not compared",
    ]


def test_a_repeated_key_tells_which_record_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The record is shown whole, also as JSON: its key is that of others."""
    rows: list[dict[str, Value]] = [{"id": 7, "note": "a"}, {"id": 7, "note": "b"}]
    lost, odd = (
        Discrepancy(kind, (7,), *sides)
        for kind, sides in zip(
            (DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA), ((rows[0], None), (None, rows[1])), strict=True
        )
    )
    report = _report(Comparison(Counts(2, 2, 1, 1), (lost,), (odd,), duplicate_keys=1))

    diff._print(report, None)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["7", "a"] in lines
    assert ["7", "b"] in lines
    found = json.loads("".join(diff_report.as_pieces(report)))
    assert (found["missing_records"], found["extra_records"]) == ([rows[0]], [rows[1]])


def test_wide_tables_fit_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """Of 120 columns that differ in each record a few are shown, and how many more there are."""
    names = [f"c{at}" for at in range(120)]
    source: dict[str, Value] = {"id": 0, **dict.fromkeys(names, 1)}
    wrong = [
        Discrepancy(DiscrepancyKind.MISMATCHED, (at,), source | {"id": at}, dict.fromkeys(names, 2), tuple(names))
        for at in range(30)
    ]
    found = Comparison(Counts(30, 30, 0, 0, 30), mismatched=tuple(wrong), by_column=dict.fromkeys(names, 30))

    diff._print(_report(found), None)

    said = capsys.readouterr().out
    assert len(said.splitlines()) < 140
    assert "and 100 more" in said
    assert "and 112 more" in said
