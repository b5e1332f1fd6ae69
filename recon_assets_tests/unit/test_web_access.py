"""Who may come in: passwords, sessions, proxies, and what other sites try."""

import base64
import re
import stat
from asyncio import create_task, gather, run, sleep, wait_for
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.review.people import user
from recon_assets.web.application import application
from recon_assets.web.http.middleware import VISITOR, AccessMiddleware
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import COOKIE as COOKIE_NAME, Access, access, is_loopback
from recon_assets.web.identity.passwords import Guard, Line, fits, hashed, users
from recon_assets.web.identity.roles import Right, roles
from recon_assets.web.identity.sessions import Session, Signer, secret
from recon_assets.web.pages.login_pages import local
from recon_assets_tests.visitor import Answer, Visitor

COOKIE = f"{COOKIE_NAME}-3000"
"""That of the port at which the browser of these tests asks."""
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SIGNER = Signer(b"0123456789abcdef")
ANA = hashed("correct horse", b"salt salt salt !")
SECRET = {"RECON_WEB_SECRET": "0123456789abcdef"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def whoami(request: Request) -> Response:
    visitor = request.scope[VISITOR]
    return JSONResponse([visitor.who, visitor.vouched])


async def listen(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def guarded(
    found: Access, now: datetime = NOW, *, host: str = "127.0.0.1:3000", address: str = "127.0.0.1", cookie: str = ""
) -> Visitor:
    """A browser before a door, with somebody behind it who says whom the door let in."""
    routes = [Route("/{path:path}", whoami, methods=["GET", "POST"]), WebSocketRoute("/graphql", listen)]
    door = AccessMiddleware(Starlette(routes=routes), found, lambda: now)
    return Visitor(door, host, address, cookies={COOKIE: cookie} if cookie else {})


LOGIN = Access(SIGNER, users={"ana": ANA})
OPEN = Access(SIGNER)
PROXIED = access({**SECRET, "RECON_WEB_USER_HEADER": "X-Remote-User", "RECON_WEB_PROXY": "10.0.0.0/24"})


def session(found: Access) -> str:
    return found.cookie(Session.begun("ana", NOW + timedelta(hours=1)))


def test_a_hash_holds_no_password_and_fits_only_its_own() -> None:
    made = hashed("correct horse")
    assert "correct" not in made
    assert fits("correct horse", made)
    assert not fits("correct hors", made)
    assert made != hashed("correct horse"), "salted"
    assert users(f"ana:{made}") == {"ana": made}


@pytest.mark.parametrize("text", ["ana:secret", "ana", ":scrypt-aa-bb", f"ana:{ANA},ana:{ANA}", "ana:scrypt-!-!"])
def test_a_variable_that_holds_a_password_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(DeclarationError, match=r"part [12] is not name:hash") as refused:
        users(text)
    assert "secret" not in str(refused.value)


HERE, THERE = "10.0.0.1", "10.0.0.2"


def test_guessing_is_slowed_down_and_the_right_password_waits_too() -> None:
    guard = Guard({"ana": ANA})
    assert [guard.admits("ana", f"guess {n}", NOW, HERE) for n in range(5)] == [False] * 5
    assert guard.wait("ana", NOW, HERE) == timedelta(seconds=1)
    assert not guard.admits("ana", "correct horse", NOW, HERE)
    assert guard.admits("ana", "correct horse", NOW + timedelta(seconds=1), HERE)
    assert not guard.wait("ana", NOW, HERE), "forgotten with the right one"


@pytest.mark.parametrize(
    ("eves", "anas", "waits"),
    [
        pytest.param(HERE, THERE, False, id="elsewhere"),
        pytest.param("", HERE, False, id="from nowhere"),
        pytest.param("2001:db8::1", "2001:db8:0:1::1", False, id="in another network"),
        pytest.param("2001:db8::1", "2001:db8::2", True, id="in one network"),
    ],
)
def test_who_guesses_keeps_nobody_out_who_is_elsewhere(eves: str, anas: str, waits: bool) -> None:  # noqa: FBT001
    guard = Guard({"ana": ANA})
    for n in range(5):
        guard.admits("ana", f"guess {n}", NOW, eves)
    assert guard.wait("ana", NOW, eves)
    assert guard.admits("ana", "correct horse", NOW, anas) is not waits


def test_the_pause_grows_to_a_minute_and_tells_nobody_who_there_is() -> None:
    """A name that nobody has waits as long as one that somebody has, and neither makes the other wait."""
    pauses: dict[str, list[timedelta]] = {"ana": [], "eve": []}
    for name, found in pauses.items():
        guard, now = Guard({"ana": ANA}, _key=b"any"), NOW
        for n in range(12):
            guard.admits(name, f"guess {n}", now, HERE)
            found.append(guard.wait(name, now, HERE))
            now += found[-1]
        assert not guard.wait("ben", now - found[-1], HERE)
        assert not guard.wait("ana" if name == "eve" else "eve", now - found[-1], HERE)
    assert pauses["ana"] == pauses["eve"]
    assert max(pauses["eve"]) == timedelta(minutes=1)


def test_no_list_of_guesses_grows_and_nobody_can_choose_whom_to_share_a_pause_with() -> None:
    names = [f"stranger {n}" for n in range(5000)]
    counted = [[Guard({}, _key=key)._counted(name, HERE) for name in names] for key in (b"one", b"other")]
    assert max(counted[0]) < 2**16
    assert counted[0] != counted[1]


def test_many_guesses_at_once_are_no_more_than_one_after_the_other() -> None:
    guard = Guard({"ana": ANA})
    threads = [Thread(target=guard.admits, args=("ana", f"guess {n}", NOW, HERE)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [wrong for wrong, _ in guard._wrong.values()] == [5]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), id="another mac"),
        pytest.param(
            lambda cookie: (
                SIGNER.signed(Session("x", "ben", 4_000_000_000), "ben's").split(".")[0] + "." + cookie.split(".")[1]
            ),
            id="another name",
        ),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "é.é", id="no ASCII"),
        pytest.param(lambda _: "WzFd.", id="short"),
        pytest.param(lambda cookie: cookie * 100, id="long"),
    ],
)
def test_a_cookie_holds_only_as_it_was_signed(change: Callable[[str], str]) -> None:
    session = Session.begun("ana", NOW + timedelta(hours=1))
    cookie = SIGNER.signed(session, "ana's")
    assert SIGNER.read(cookie, "{}'s".format, NOW) == session
    assert SIGNER.read(change(cookie), "{}'s".format, NOW) is None
    assert SIGNER.read(cookie, "{}'s new one".format, NOW) is None
    assert SIGNER.read(cookie, "{}'s".format, NOW + timedelta(hours=1)) is None
    assert Signer(b"another secret of 16").read(cookie, "{}'s".format, NOW) is None


@pytest.mark.parametrize("text", ['["a", "b", Infinity]', "[" * 40_000, "é", "{}"])
@pytest.mark.parametrize("found", [OPEN, LOGIN, PROXIED], ids=["open", "login", "proxy"])
def test_a_cookie_that_is_not_ours_is_as_none(found: Access, text: str) -> None:
    """Whatever it says, for anybody can send one."""
    visitor, stranger = (guarded(found, cookie=cookie) for cookie in ("", f"{encoded(text)}.mac"))
    assert visitor.ask("GET", "/").status == stranger.ask("GET", "/").status


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_without_a_session_nothing_answers_but_the_login() -> None:
    visitor = guarded(LOGIN)
    for path in ("/", "/assets/a", "/graphql", "/review", "/review/login/", "/server_info"):
        assert visitor.ask("POST", path).status == 401, path
        assert visitor.ask("GET", path).status == 401, path
    asked = visitor.get("/assets/a?view=checks")
    assert (asked.status, asked.header("location")) == (303, "/review/login?next=%2Fassets%2Fa%3Fview%3Dchecks")
    assert visitor.get("/review/login").status == 200
    assert not visitor.connect("/graphql")


def test_a_session_opens_everything_until_it_ends() -> None:
    cookie = session(LOGIN)
    assert guarded(LOGIN, cookie=cookie).get("/").text == '["ana",true]'
    assert guarded(LOGIN, cookie=cookie).connect("/graphql", cookie=f"{COOKIE}={cookie}")
    assert guarded(LOGIN, NOW + timedelta(hours=1), cookie=cookie).ask("GET", "/").status == 401


def test_a_session_that_was_ended_lets_nobody_in_who_has_kept_its_cookie() -> None:
    """On every page; others of the same person go on, and what has ended by itself is forgotten."""
    found = Access(SIGNER, users={"ana": ANA})
    until = NOW + timedelta(hours=1)
    first, second = (Session.begun("ana", until) for _ in range(2))
    found.end(first, NOW)
    assert guarded(found, cookie=found.cookie(first)).ask("GET", "/").status == 401
    assert guarded(found, cookie=found.cookie(second)).ask("GET", "/").status == 200
    found.end(second, until + timedelta(seconds=1))
    assert first.id not in found.ended


def test_an_ended_session_stays_ended_when_the_server_starts_anew_and_for_servers_beside_it(tmp_path: Path) -> None:
    environ = {**SECRET, "RECON_WEB_USERS": f"ana:{ANA}", "DAGSTER_HOME": str(tmp_path)}
    before, beside = access(environ), access(environ)
    old, first, second = (Session.begun("ana", NOW + timedelta(hours=hours)) for hours in (0, 1, 1))

    def statuses(found: Access) -> list[int]:
        cookies = [found.cookie(each) for each in (first, second)]
        return [guarded(found, cookie=cookie).ask("GET", "/").status for cookie in cookies]

    assert statuses(beside) == [200, 200]
    before.end(old, NOW)
    before.end(first, NOW)
    assert statuses(beside) == statuses(before) == statuses(access(environ)) == [401, 200]
    beside.end(second, NOW + timedelta(seconds=1))
    assert statuses(before) == statuses(access(environ)) == [401, 401]
    lines = (tmp_path / "web.ended").read_text().splitlines()
    assert [line.split()[0] for line in lines] == [first.id, second.id], "what has ended by itself is forgotten"


def test_what_a_killed_server_left_in_the_file_of_ended_sessions_stops_nobody(tmp_path: Path) -> None:
    """And the file is replaced as a whole, so that what it said is never gone."""
    found = access({**SECRET, "RECON_WEB_USERS": f"ana:{ANA}", "DAGSTER_HOME": str(tmp_path)})
    first, second = (Session.begun("ana", NOW + timedelta(hours=1)) for _ in range(2))
    path = tmp_path / "web.ended"
    path.write_text(f"{first.id} {first.until}\nhalf\n\nof a\n{second.id}")
    cookies = [found.cookie(each) for each in (first, second)]
    assert [guarded(found, cookie=cookie).ask("GET", "/").status for cookie in cookies] == [401, 200]
    with path.open() as before:
        found.end(second, NOW)
        assert before.readline() == f"{first.id} {first.until}\n"
    assert path.read_text() == f"{first.id} {first.until}\n{second.id} {second.until}\n"


def test_each_port_has_its_own_cookie() -> None:
    """Browsers send the same to all ports of a host, where another server would take it for nobody's."""
    asked = guarded(LOGIN)
    asked.cookies = {f"{COOKIE_NAME}-3001": session(LOGIN), COOKIE_NAME: session(LOGIN)}
    assert asked.ask("GET", "/").status == 401
    asked.cookies[COOKIE] = session(LOGIN)
    assert asked.ask("GET", "/").status == 200


def test_who_guesses_passwords_holds_up_no_page_and_no_login_from_elsewhere() -> None:
    """However many do at once, each by another name: few of one address are judged, and no more of all together."""
    desk = Site(None, None, Access(SIGNER, users={"ana": ANA}), lambda: NOW)  # type: ignore[arg-type]
    app = application(desk, Starlette())
    eve, ana, crowds = Visitor(app, "h", HERE), Visitor(app, "h", THERE), [Visitor(app, "h", f"::{n}") for n in (1, 2)]

    def login(visitor: Visitor, name: str, password: str) -> Coroutine[None, None, Answer]:
        token = visitor.get("/review/login").text.split('name="token" value="')[1].split('"')[0]
        form = urlencode({"token": token, "name": name, "password": password}).encode()
        return visitor.asked("POST", "/review/login", form, FORM)

    guesses = [login(eve, f"eve {n}", "guess") for n in range(9)]
    others = [login(each, "eve", "guess") for each in crowds for _ in range(4)]
    right = login(ana, "ana", "correct horse")

    async def crowd() -> list[Answer]:
        tasks = [create_task(each) for each in (*guesses, *others, right)]
        await sleep(0)
        with desk.access.guard._lock:  # nobody is judged meanwhile
            page = await wait_for(ana.asked("GET", "/review/login"), 20)
        return [page, *await gather(*tasks)]

    page, *answers = run(crowd())
    assert (page.status, answers[-1].status) == (200, 303)
    assert [each.status for each in answers[:-1]] == [401] * 4 + [503] * 5 + [401] * 4 + [503] * 4
    assert answers[8].header("retry-after") == "5"


def test_the_line_of_logins_is_short_whoever_is_in_it() -> None:
    """And a place is free again as soon as its holder is answered."""
    line = Line()
    with ExitStack() as stack:
        places = [stack.enter_context(line.place(f"10.0.0.{n}")) for n in range(17)]
    with line.place(HERE) as free:
        assert [*places, free] == [True] * 16 + [False, True]


def test_a_session_ends_with_the_password_with_the_person_and_was_none_before_there_were_logins() -> None:
    changed = Access(SIGNER, users={"ana": hashed("another")})
    without = Access(SIGNER, users={"ben": ANA})
    for found, cookie in (
        (changed, session(LOGIN)),
        (without, session(LOGIN)),
        (LOGIN, session(OPEN)),
        (PROXIED, session(OPEN)),
    ):
        assert guarded(found, cookie=cookie, address="10.0.0.7", host="h").ask("GET", "/").status == 401


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        pytest.param("10.0.0.7", {"x-remote-user": "ana"}, 200, id="the proxy"),
        pytest.param("10.0.1.7", {"x-remote-user": "ana"}, 401, id="somebody else"),
        pytest.param("127.0.0.1", {"x-remote-user": "ana"}, 401, id="not even this machine"),
        pytest.param("10.0.0.7", {}, 401, id="nobody"),
        pytest.param("10.0.0.7", {"x-remote-user": "Recon"}, 401, id="no person"),
        pytest.param("10.0.0.7", {"x-remote-user": "  "}, 401, id="empty"),
        pytest.param("10.0.0.7", {"x-remote-user": "ana", "X-Remote-User": "eve"}, 401, id="two"),
        pytest.param("no address", {"x-remote-user": "ana"}, 401, id="no address"),
    ],
)
def test_a_proxy_says_who_it_is_and_nobody_else_does(address: str, headers: Mapping[str, str], status: int) -> None:
    visitor = guarded(PROXIED, address=address, host="desk.example")
    assert visitor.ask("GET", "/", headers=dict(headers)).status == status


def test_a_program_comes_in_by_its_token() -> None:
    found = access({**SECRET, "RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_TOKEN": "t0k3n"})
    assert guarded(found).ask("POST", "/graphql", headers={"authorization": "Bearer t0k3n"}).status == 200
    assert guarded(found).ask("POST", "/graphql", headers={"authorization": "Bearer other"}).status == 401
    assert guarded(LOGIN).ask("POST", "/graphql", headers={"authorization": "Bearer "}).status == 401


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:8080", "[::1]:3000", "127.0.0.1"])
def test_without_a_login_this_machine_is_answered(host: str) -> None:
    assert guarded(OPEN, host=host).get("/").text == '["",false]'
    assert guarded(OPEN, host=host).connect("/graphql")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "", "[", "10.0.0.1"])
def test_without_a_login_a_name_that_leads_here_is_not_ours(host: str) -> None:
    """A page of evil.example whose name is made to lead to 127.0.0.1 is, to the browser, one site with us."""
    assert guarded(OPEN, host=host).get("/").status == 421
    assert not guarded(OPEN, host=host).connect("/graphql")


CROSS = [
    pytest.param({"sec-fetch-site": "cross-site"}, id="another site"),
    pytest.param({"sec-fetch-site": "same-site"}, id="another port or subdomain"),
    pytest.param({"origin": "http://evil.example"}, id="an old browser"),
    pytest.param({"origin": "null"}, id="a sandbox"),
    pytest.param({"origin": "http://["}, id="nonsense"),
]


@pytest.mark.parametrize("headers", CROSS)
def test_other_sites_cannot_act_with_a_persons_session(headers: dict[str, str]) -> None:
    """Not by a form, not by GraphQL in an address, not by a websocket; a link is only a link."""
    cookie = session(LOGIN)
    visitor = guarded(LOGIN, cookie=cookie)
    assert visitor.ask("POST", "/graphql", headers=headers).status == 403
    assert visitor.ask("GET", "/graphql?query=mutation", headers=headers).status == 403
    assert not visitor.connect("/graphql", cookie=f"{COOKIE}={cookie}", **headers)
    assert visitor.get("/assets", **headers).status == 200


def test_this_site_and_programs_can_act() -> None:
    visitor = guarded(OPEN)
    for headers in ({}, {"sec-fetch-site": "same-origin"}, {"origin": "http://127.0.0.1:3000"}):
        assert visitor.ask("POST", "/graphql", headers=headers).status == 200
        assert visitor.connect("/graphql", **headers)
    assert visitor.ask("GET", "/graphql?query=x").status == 403, "programs post"
    behind = guarded(LOGIN, cookie=session(LOGIN), host="internal:3000")
    forwarded = {"origin": "https://desk.example", "x-forwarded-host": "desk.example"}
    assert behind.ask("POST", "/graphql", headers=forwarded).status == 200


def test_no_other_site_frames_a_page() -> None:
    assert guarded(OPEN).get("/").header("x-frame-options") == "SAMEORIGIN"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_without_a_login_the_loopback_is_served(host: str) -> None:
    assert is_loopback(host)
    OPEN.check_host(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])  # noqa: S104 - refused
def test_without_a_login_nothing_else_is_served(host: str) -> None:
    with pytest.raises(RefusedError, match="Set RECON_WEB_USERS"):
        OPEN.check_host(host)
    LOGIN.check_host(host)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_USER_HEADER": "X-User"}, "both set"),
        ({"RECON_WEB_USERS": f"policy:{ANA}"}, "no name for a person"),
        ({"RECON_WEB_PROXY": "10.0.0.0/33"}, "RECON_WEB_PROXY: "),
        ({"RECON_REVIEWERS": "ana"}, "'ana' is not user:name"),
        ({"RECON_WEB_SECRET": "short"}, "at least 16"),
        ({"RECON_WEB_SECRET": ""}, "Neither"),
    ],
)
def test_what_cannot_be_meant_is_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        access({**SECRET, **environ})


def test_the_secret_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    environ = {"DAGSTER_HOME": str(tmp_path)}
    made = secret(environ)
    path = tmp_path / "web.secret"
    assert secret(environ) == made
    assert len(made) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    path.chmod(0o644)
    with pytest.raises(RefusedError, match="others can read it"):
        secret(environ)


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "evil", "/a\nb", "javascript:alert(1)"]
)
def test_a_login_leads_nowhere_else(path: str) -> None:
    assert local(path) == "/review"
    assert local("/assets/a?view=checks") == "/assets/a?view=checks"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"RECON_WEB_ROLES": "ana:values"}, "nobody has to log in"),
        ({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_ROLES": "anna:values"}, "has no 'anna'; expected one of ana"),
        ({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_ROLES": "ana:admin"}, "'ana:admin' is not name:role"),
        ({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_ROLES": "ana"}, "'ana' is not name:role"),
        ({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_ROLES": ":run"}, "':run' is not name:role"),
        ({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_ROLES": "ana:run,ana:run"}, "repeats a name"),
    ],
)
def test_roles_that_cannot_be_meant_are_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(said)):
        access({**SECRET, **environ})


def test_without_a_login_nobody_is_whom_reviewers_say_they_are_not() -> None:
    """Neither in a form, nor by a name that the browser was given before."""
    found = access({**SECRET, "RECON_REVIEWERS": f"{user()}:ana"})
    visitor = Visitor(application(Site(None, None, found, lambda: NOW), Starlette()))  # type: ignore[arg-type]
    visitor.get("/review/nothing")
    session = found.signer.read(visitor.cookies[COOKIE], found._bound, NOW)
    assert session
    token = found.signer.form_token(session)
    refused = visitor.post("/review/logout", [("token", token), ("who", "ben")])
    assert (refused.status, "name ben: by RECON_REVIEWERS you, as the user" in refused.text) == (400, True)
    assert visitor.ask("POST", "/review/logout", urlencode({"token": token, "who": "ana"}).encode(), FORM).status == 303
    old, new = (each.cookie(Session.begun("ben", NOW + timedelta(hours=1))) for each in (OPEN, found))
    assert [guarded(found, cookie=cookie).get("/").text for cookie in (old, new)] == ['["",false]', '["ben",false]']


def test_who_decides_or_runs_sees_what_about_and_who_has_no_role_sees_counts() -> None:
    given = roles("ana: decide + run, ben:decide,eve:run,fay:values")
    assert given.of("ana") == set(Right)
    assert given.of("ben") == {Right.COUNTS, Right.VALUES, Right.DECIDE}
    assert given.of("eve") == {Right.COUNTS, Right.VALUES, Right.RUN}
    assert given.of("fay") == {Right.COUNTS, Right.VALUES}
    assert given.of("guy") == {Right.COUNTS}
    assert roles("*:run").of("guy") == {Right.COUNTS, Right.VALUES, Right.RUN}
    assert roles("").of("guy") == set(Right)


def test_no_address_of_the_desk_leads_to_dagsters_pages() -> None:
    """For people who see counts only may ask there."""
    desk = Site(None, None, OPEN, lambda: NOW)  # type: ignore[arg-type]
    dagster = Starlette(routes=[Route("/{path:path}", lambda _: Response("Dagster's"))])
    visitor = Visitor(application(desk, dagster))
    assert visitor.get("/assets").text == "Dagster's"
    assert visitor.get("/recon/").header("location") == "/recon"
    for path in ("/recon/a/b", "/recon//", "/recon/a/", "/review/a"):
        assert (visitor.get(path).status, "There is no such page" in visitor.get(path).text) == (404, True), path


def test_dagsters_pages_are_for_those_who_may_see_values() -> None:
    """By any address that is not the desk's, and by websocket; a program of ours may do all."""
    found = Access(SIGNER, users={"ana": ANA}, token="t0k3n", roles=roles("ana:counts"))  # noqa: S106 - of this test
    ana = guarded(found, cookie=session(found))
    assert [
        ana.get(path).status for path in ("/review", "/recon/t", "/review/report", "/", "/reviews", "/graphql")
    ] == [
        *[200] * 3,
        *[403] * 3,
    ]
    assert not ana.connect("/graphql", cookie=f"{COOKIE}={session(found)}")
    assert guarded(found).ask("POST", "/graphql", headers={"authorization": "Bearer t0k3n"}).status == 200
