"""Who may come in: passwords, sessions, proxies, and what other sites try."""

import re
from asyncio import create_task, gather, run, wait_for
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from threading import Event
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
from recon_assets.web.identity.auth import Access, access, is_loopback
from recon_assets.web.identity.passwords import MAX_REMEMBERED, LoginError, PasswordLogin, fits, hashed, users
from recon_assets.web.identity.roles import Right, roles
from recon_assets.web.identity.sessions import LASTS
from recon_assets.web.pages.login_pages import local
from recon_assets_tests.visitor import Answer, Visitor

COOKIE = "recon-session-3000"
"""That of the port at which the browser of these tests asks."""
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
ANA = hashed("correct horse", b"salt salt salt !")
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


LOGIN = Access(users={"ana": ANA})
OPEN = Access()
PROXIED = access({"RECON_WEB_USER_HEADER": "X-Remote-User", "RECON_WEB_PROXY": "10.0.0.0/24"})


def session(found: Access) -> str:
    return found.sessions.begin("ana", NOW)


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


def status(login: PasswordLogin, name: str, password: str, address: str = HERE, now: datetime = NOW) -> int:
    """That of a login's answer."""
    return run(judged(login, name, password, address, now))


async def judged(login: PasswordLogin, name: str, password: str, address: str = HERE, now: datetime = NOW) -> int:
    try:
        await login.check(name, password, address, now)
    except LoginError as error:
        return int(error.status)
    return 200


def test_guessing_is_slowed_down_and_the_right_password_waits_too() -> None:
    login = PasswordLogin({"ana": ANA})
    assert [status(login, "ana", f"guess {n}") for n in range(6)] == [401] * 5 + [429]
    assert status(login, "ana", "correct horse") == 429
    assert status(login, "ana", "correct horse", now=NOW + timedelta(seconds=1)) == 200
    assert status(login, "ana", "guess") == 401, "forgotten with the right one"


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
    login = PasswordLogin({"ana": ANA})
    for n in range(5):
        status(login, "ana", f"guess {n}", eves)
    assert status(login, "ana", "correct horse", eves) == 429
    assert status(login, "ana", "correct horse", anas) == (429 if waits else 200)


@pytest.mark.parametrize("name", ["ana", "eve"])
def test_the_pause_grows_to_a_minute_and_tells_nobody_who_there_is(name: str) -> None:
    """A name that nobody has waits as long as one that somebody has, and neither makes the other wait."""
    login, now, other = PasswordLogin({"ana": ANA}), NOW, "eve" if name == "ana" else "ana"
    login._wrong[name, HERE] = 4, NOW
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        assert status(login, name, "guess", now=now) == 401
        assert status(login, name, "guess", now=now + timedelta(seconds=pause - 0.5)) == 429
        now += timedelta(seconds=pause)
    assert status(login, other, "guess", now=now - timedelta(seconds=1)) == 401


def test_the_memory_of_wrong_guesses_is_bounded() -> None:
    """The oldest is forgotten, and it takes a great many guesses to have one forgotten."""
    login = PasswordLogin({"ana": ANA})
    login._wrong.update({(f"stranger {n}", HERE): (5, NOW) for n in range(MAX_REMEMBERED)})
    assert status(login, "x" * 10_000, "guess") == 401
    assert len(login._wrong) == MAX_REMEMBERED
    assert ("stranger 0", HERE) not in login._wrong
    assert status(login, "stranger 1", "guess") == 429


def test_guesses_at_the_same_time_are_no_way_around_the_pause_and_hold_up_nobody_else() -> None:
    """Sixty at once: few of one network are judged, no more of all together, and others come in meanwhile."""
    login = PasswordLogin({"ana": ANA})

    async def crowd() -> list[int]:
        same = [judged(login, "ana", f"guess {n}") for n in range(20)]
        of_eve = [judged(login, f"eve {n}", "guess", "10.0.9.9") for n in range(20)]
        crowds = [judged(login, "eve", "guess", f"10.0.{n}.1") for n in range(20)]
        return await gather(judged(login, "ana", "correct horse", THERE), *same, *of_eve, *crowds)

    found = run(crowd())
    assert found[0] == 200
    assert [found[1:21].count(each) for each in (401, 503)] == [4, 16]
    assert [found[21:41].count(each) for each in (401, 503)] == [4, 16]
    assert [found[41:].count(each) for each in (401, 503)] == [7, 13]
    assert (len(login._waiting), status(login, "ana", "correct horse", THERE)) == (0, 200)


def test_who_guesses_passwords_holds_up_no_page() -> None:
    """While passwords are judged, pages answer; and a login that was not judged says so on its page."""
    site = Site(None, None, Access(users={"ana": ANA}), lambda: NOW)  # type: ignore[arg-type]
    eve, ana = Visitor(application(site, Starlette()), "h", HERE), Visitor(application(site, Starlette()), "h", THERE)

    def login(visitor: Visitor, password: str) -> Coroutine[None, None, Answer]:
        form = urlencode({"name": "ana", "password": password, "next": "/review"}).encode()
        return visitor.asked("POST", "/review/login", form, FORM)

    async def crowd() -> list[Answer]:
        free = Event()
        site.access.login._thread.submit(free.wait)  # nobody is judged meanwhile
        guesses = [create_task(login(eve, f"guess {n}")) for n in range(5)]
        right = create_task(login(ana, "correct horse"))
        page = await wait_for(ana.asked("GET", "/review/login"), 20)
        free.set()
        return [page, *await gather(*guesses, right)]

    page, *answers = run(crowd())
    assert (page.status, answers[-1].status, answers[-1].header("location")) == (200, 303, "/review")
    assert sorted(each.status for each in answers[:-1]) == [401] * 4 + [503]


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
    assert guarded(LOGIN, NOW + LASTS, cookie=cookie).ask("GET", "/").status == 401


@pytest.mark.parametrize("cookie", ["", "x", "\u00e9", "x" * 5000])
def test_a_cookie_that_is_not_ours_is_as_none(cookie: str) -> None:
    assert guarded(LOGIN, cookie=cookie).ask("GET", "/").status == 401


def test_a_session_that_was_ended_lets_nobody_in_who_has_kept_its_cookie() -> None:
    """On every page, and for ever: another server knows no session of this one. Others of the same person go on."""
    found = Access(users={"ana": ANA})
    first, second = session(found), session(found)
    visitor = Visitor(application(Site(None, None, found, lambda: NOW), Starlette()))  # type: ignore[arg-type]
    visitor.cookies = {COOKIE: first}
    left = visitor.ask("POST", "/review/logout", b"", FORM)
    assert (left.status, left.header("location")) == (303, "/review/login")
    assert "max-age=0" in left.header("set-cookie").lower()
    assert guarded(found, cookie=first).ask("GET", "/").status == 401
    assert guarded(found, cookie=second).ask("GET", "/").status == 200
    assert guarded(Access(users={"ana": ANA}), cookie=second).ask("GET", "/").status == 401


def test_sessions_whose_time_is_over_are_forgotten() -> None:
    found = Access(users={"ana": ANA})
    session(found)
    found.sessions.begin("ben", NOW + LASTS)
    assert [who for who, _ in found.sessions._known.values()] == ["ben"]


def test_each_port_has_its_own_cookie() -> None:
    """Browsers send the same to all ports of a host, where another server would take it for nobody's."""
    asked = guarded(LOGIN)
    asked.cookies = {"recon-session-3001": session(LOGIN), "recon-session": session(LOGIN)}
    assert asked.ask("GET", "/").status == 401
    asked.cookies[COOKIE] = session(LOGIN)
    assert asked.ask("GET", "/").status == 200


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
    found = access({"RECON_WEB_USERS": f"ana:{ANA}", "RECON_WEB_TOKEN": "t0k3n"})
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
    ],
)
def test_what_cannot_be_meant_is_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        access(environ)


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "evil", "/a\nb", "javascript:alert(1)"]
)
def test_a_login_leads_nowhere_else(path: str) -> None:
    assert local(path) == "/recon"
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
        access(environ)


def test_without_a_login_nobody_is_whom_reviewers_say_they_are_not() -> None:
    """Neither in a form, nor by a name that the browser was given before."""
    found = access({"RECON_REVIEWERS": f"{user()}:ana"})
    visitor = Visitor(application(Site(None, None, found, lambda: NOW), Starlette()))  # type: ignore[arg-type]
    refused = visitor.post("/review/logout", [("who", "ben")])
    assert (refused.status, "name ben: by RECON_REVIEWERS you, as the user" in refused.text) == (400, True)
    assert visitor.ask("POST", "/review/logout", b"who=ana", FORM).status == 303
    visitor.cookies["recon-name-3000"] = "ben"
    assert visitor.post("/review/logout", []).status == 400
    visitor.cookies["recon-name-3000"] = "p%00licy"
    assert visitor.ask("POST", "/review/logout", b"", FORM).status == 303, "no person's, as if there were none"


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
    found = Access(users={"ana": ANA}, token="t0k3n", roles=roles("ana:counts"))  # noqa: S106 - of this test
    ana = guarded(found, cookie=session(found))
    assert [
        ana.get(path).status for path in ("/review", "/recon/t", "/review/report", "/", "/reviews", "/graphql")
    ] == [
        *[200] * 3,
        *[403] * 3,
    ]
    assert not ana.connect("/graphql", cookie=f"{COOKIE}={session(found)}")
    assert guarded(found).ask("POST", "/graphql", headers={"authorization": "Bearer t0k3n"}).status == 200
