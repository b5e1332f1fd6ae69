"""Whether the sides agree, from what checks said: the answers and their figures."""

from dataclasses import replace
from datetime import date

import psycopg
from psycopg import sql

from recon_assets import checks, ledger, review
from recon_assets.checks import with_undated
from recon_assets.ledger import Ledger
from recon_assets.ledger.projects import engine_of
from recon_assets.model import Agreement, CaseEventType, Decision, Finding, Verdict
from recon_assets_tests.db.ledgers import happened
from recon_assets_tests.db.reviewed import CHECKS, DAY, NEXT, Shop

THIRD = "2024-03-03"


def answer(place: Shop) -> Agreement:
    """That of the table ``t``."""
    with place.book.begin() as connection:
        found = {each.table: each for each in review.agreement(connection, place.project, place.now())}
    return found["t"]


def test_each_day_is_what_its_checks_said_last(pg: Shop) -> None:
    """Equal, wrong, and not compared; then what a decision, a change and another check make of them."""
    assert answer(pg).sentence == "0 of 3 days agree; 3 not compared yet"
    pg.target.run("DELETE FROM t WHERE id IN (3, 4)")
    pg.find("keys", days=(DAY,))
    pg.judge("keys", days=(NEXT,))
    assert answer(pg).sentence == "1 of 3 days differs; 2 not compared yet", "one check is not all of them"
    pg.judge(days=(DAY, NEXT, THIRD))
    at = pg.moment
    pg.route()
    assert answer(pg).sentence == "1 of 3 days differs"
    assert (answer(pg).cases, answer(pg).verdict, answer(pg).compared) == (1, Verdict.DIFFERS, at)
    other = Ledger(engine_of(pg.book.engine, replace(pg.project, name="other")))
    assert answer(replace(pg, book=other)) == Agreement("t", daily=True, windows={Verdict.NOT_COMPARED: 3})

    pg.decide("missing", Decision.KEEP_TARGET)
    pg.correct()
    assert answer(pg).sentence == "2 of 3 days agree; 1 not compared yet", "what was decided is to be compared again"
    pg.find()
    assert answer(pg).sentence == "all 3 days agree, 1 of them but for what somebody accepted"
    pg.declare(checked=(*CHECKS, checks.Checksum()))
    assert answer(pg).sentence == "0 of 3 days agree; 3 not compared yet", "the new check has judged none"


def test_a_check_that_could_not_run_is_not_agreement(pg: Shop) -> None:
    """Nor is what the checks of the whole table say, where they fail."""
    pg.declare(checked=CHECKS[:1])
    pg.judge(days=(DAY, NEXT, THIRD))
    pg.declare(checked=with_undated(pg.spec) + CHECKS[:1])
    assert answer(pg).sentence == "all 3 days agree; the checks of the whole table have not run yet"
    pg.target.run("ALTER TABLE t RENAME TO gone")
    pg.judge(days=(NEXT,))
    assert answer(pg).sentence == (
        "2 of 3 days agree; 1 could not be compared; the checks of the whole table could not run"
    )
    assert answer(pg).verdict is Verdict.UNKNOWN


def test_days_that_are_declared_no_longer_do_not_count(pg: Shop) -> None:
    """Nor tables, nor another project's; a table without days has one answer."""
    pg.target.run("DELETE FROM t")
    pg.judge(days=(DAY, NEXT, THIRD))
    assert pg.spec.calendar
    pg.declare(calendar=replace(pg.spec.calendar, start=date.fromisoformat(THIRD)))
    assert answer(pg).sentence == "1 of 1 day differs"
    pg.declare(calendar=None)
    assert answer(pg).sentence == "not compared yet"
    pg.runs += 1
    list(review.judged(pg.book, pg.project, pg.spec, [pg.spec.window("all")], now=pg.now(), run="r"))
    assert (answer(pg).sentence, answer(pg).total) == ("the table differs", 1)


def as_before_words(c: psycopg.Connection) -> None:
    """The ledger as revision 0003 has it."""
    for new, old in {
        "window_status": "judged",
        "latest_finding": "newest",
        "record_history": "seen",
        "finding_record": "sighting",
        "routing_queue": "unread",
    }.items():
        c.execute(sql.SQL("ALTER TABLE recon.{} RENAME TO {}").format(sql.Identifier(new), sql.Identifier(old)))
    c.execute("ALTER TABLE recon.judged RENAME unexplained TO young")
    for new, old in {"asked": "asked", "changed": "changed", "unexplained": "young"}.items():
        names = sql.Identifier(f"window_status_{new}"), sql.Identifier(f"judged_{old}")
        c.execute(sql.SQL("ALTER INDEX recon.{} RENAME TO {}").format(*names))
    c.execute("ALTER INDEX recon.ix_recon_finding_record_content RENAME TO ix_recon_sighting_content")
    c.execute("ALTER INDEX recon.ix_recon_latest_finding_finding RENAME TO ix_recon_newest_finding")


def test_a_failure_of_before_is_one_event(pg: Shop) -> None:
    """What failed was written as `failed` and then `reopened`; an acceptance taken back as `reopened`."""
    with psycopg.connect(pg.book.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as c:
        happened(pg.book, CaseEventType.FOUND, CaseEventType.COMMENTED, CaseEventType.COMMENTED)
        for of in ((1, "failed", "recon"), (2, "reopened", "recon"), (3, "reopened", "ana")):
            c.execute("UPDATE recon.case_event SET act = %s, who = %s WHERE n = %s", (*of[1:], of[0]))
        as_before_words(c)
        c.execute("UPDATE recon.alembic_version SET version_num = '0003'")
        c.commit()
        ledger.upgrade(pg.book.engine.url.render_as_string(hide_password=False))
        acts = c.execute("SELECT act FROM recon.case_event ORDER BY n").fetchall()
    assert [act for (act,) in acts] == ["commented", "failed", "reopened"]


def test_what_was_judged_before_there_were_outcomes_is_counted_too(pg: Shop) -> None:
    """The migration finds out of old findings what is noted beside new ones, whatever their texts are."""
    pg.target.run("DELETE FROM t WHERE id = 3")
    pg.judge(days=(DAY, NEXT))
    kept = Finding("fields", "t", THIRD, passed=False, summary='"error": null', accepted="ana: as agreed")
    broken = Finding("keys", "t", THIRD, passed=False, summary='"error": null \ud800', error="\x00")
    with pg.book.begin() as connection:
        ledger.record_findings(connection, [kept, broken], run="r", at=pg.now())
    noted = "SELECT window_key, outcomes FROM recon.window_status ORDER BY 1"
    with psycopg.connect(pg.book.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as c:
        before = c.execute(noted).fetchall()
        as_before_words(c)
        c.execute("ALTER TABLE recon.newest DROP outcome; ALTER TABLE recon.judged DROP outcomes")
        c.execute("ALTER TABLE recon.newest ADD figure_failed bool; ALTER TABLE recon.review_case DROP begun")
        c.execute("CREATE INDEX newest_failed ON recon.newest (project)")
        c.execute("UPDATE recon.alembic_version SET version_num = '0001'")
        c.commit()
        ledger.upgrade(pg.book.engine.url.render_as_string(hide_password=False))
        assert c.execute(noted).fetchall() == before
    assert before[-1] == (THIRD, ["accepted fields", "unknown keys"])
