"""A browser without a screen: asks a web application in this process, keeps its cookies, and fills in its forms."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.types import ASGIApp


@dataclass
class Form:
    """One form of a page: where it goes, what is in it, and its buttons."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: list[tuple[str, str]] = field(default_factory=list)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)

    def filled(self, button: str, given: dict[str, str | list[str]]) -> list[tuple[str, str]]:
        """What a browser would send."""
        kept = [(name, value) for name, value in self.fields if name not in given]
        for name, values in given.items():
            known = {value for known, value in (*self.fields, *self.choices) if known == name}
            assert known, f"the form has no field {name}"
            kept += [(name, value) for value in ([values] if isinstance(values, str) else values)]
        name, value = self.buttons[button]
        return [*kept, (name, value)] if name else kept


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.inside: Form | None = None
        self.reading: tuple[str, dict[str, str]] | None = None
        self.text = ""
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = Form(given["action"], given.get("method", "get"))
            self.forms.append(self.inside)
        elif self.inside and tag == "input":
            self._input(self.inside, given)
        elif tag == "select":
            self.select = given["name"]
        elif tag in {"textarea", "button", "option"}:
            self.reading, self.text = (tag, given), ""

    @staticmethod
    def _input(form: Form, given: dict[str, str]) -> None:
        pair = (given["name"], given.get("value", ""))
        ticks = given.get("type") in {"checkbox", "radio"}
        (form.choices if ticks and "checked" not in given else form.fields).append(pair)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None
        if not self.reading or self.reading[0] != tag or not self.inside:
            return
        _, given = self.reading
        if tag == "button":
            self.inside.buttons[self.text.strip()] = (given.get("name", ""), given.get("value", ""))
        elif tag == "textarea":
            self.inside.fields.append((given["name"], self.text.removeprefix("\n")))
        elif tag == "option":
            into = self.inside.fields if "selected" in given else self.inside.choices
            into.append((self.select, given.get("value", self.text)))
        self.reading = None


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """What a person reads, with its markup."""
        return self.body.decode()

    def header(self, name: str) -> str:
        """One header; empty when it is not there."""
        return next((value for known, value in self.headers if known == name), "")

    @property
    def forms(self) -> list[Form]:
        """All forms of the page."""
        parser = _Forms()
        parser.feed(self.text)
        return parser.forms

    def form(self, button: str) -> Form:
        """The form that has this button."""
        found = [form for form in self.forms if button in form.buttons]
        assert found, f"no form has the button {button!r}; there are {[list(form.buttons) for form in self.forms]}"
        return found[0]


@dataclass
class Visitor:
    """One browser."""

    app: ASGIApp
    host: str = "127.0.0.1:3000"
    address: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, url: str, **headers: str) -> Answer:
        """A page."""
        return self.ask("GET", url, headers={"accept": "text/html", **headers})

    def post(self, url: str, fields: list[tuple[str, str]], **headers: str) -> Answer:
        """A form, as this site's own pages send it; the page that it leads to."""
        kind = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        answer = self.ask("POST", url, urlencode(fields).encode(), {**kind, **headers})
        return self.get(answer.header("location")) if answer.status == 303 else answer

    def submit(self, page: Answer, button: str, **given: str | list[str]) -> Answer:
        """Fill in the form of a page that has this button, and press it."""
        form = page.form(button)
        return self.post(form.action or page.url, form.filled(button, given))

    def ask(self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Any request."""
        answer = asyncio.run(self.asked(method, url, body, headers))
        for _, value in (pair for pair in answer.headers if pair[0] == "set-cookie"):
            for name, morsel in SimpleCookie(value).items():
                self.cookies[name] = morsel.value
        return answer

    async def asked(self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """The same beside other requests; the cookies stay as they are."""
        headers = {"host": self.host, **self.headers, **(headers or {})}
        sent: list[Any] = []
        requests: Iterator[Any] = iter([{"type": "http.request", "body": body}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(requests)

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(self._scope("http", url, headers, method), receive, send)
        start = next(message for message in sent if message["type"] == "http.response.start")
        found = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return Answer(start["status"], found, b"".join(message.get("body", b"") for message in sent), url)

    def connect(self, url: str, **headers: str) -> bool:
        """Whether a websocket is let in."""

        async def asked() -> list[Any]:
            sent: list[Any] = []
            requests = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

            async def receive() -> Any:
                return next(requests)

            async def send(message: Any) -> None:
                sent.append(message)

            await self.app(self._scope("websocket", url, {"host": self.host, **headers}, None), receive, send)
            return sent

        return bool(asyncio.run(asked())[0]["type"] == "websocket.accept")

    def _scope(self, kind: str, url: str, headers: dict[str, str], method: str | None) -> dict[str, Any]:
        place = urlsplit(url)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {**headers, **({"cookie": cookie} if cookie else {})}
        return {
            "type": kind,
            **({"method": method} if method else {"subprotocols": []}),
            "scheme": "http" if kind == "http" else "ws",
            "path": place.path,
            "raw_path": place.path.encode(),
            "query_string": place.query.encode(),
            "root_path": "",
            "headers": [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in given.items()],
            "client": (self.address, 50000),
            "server": ("127.0.0.1", 3000),
            "http_version": "1.1",
            "state": {},
        }
