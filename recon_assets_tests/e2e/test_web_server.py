"""Dagster's pages and the desk on one port, by the real process: `python -m recon_assets.web`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus
from dagster._daemon.types import DaemonHeartbeat
from playwright.sync_api import Browser, Page
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from recon_assets import review
from recon_assets.errors import ReconError
from recon_assets.orchestration.processes import free_port
from recon_assets.web.identity.passwords import hashed
from recon_assets.web.server import serve
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.e2e.conftest import until

CODE = """
import dagster as dg

@dg.asset
def flights(): ...

@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a"]))
def days(): ...

@dg.sensor(name="review", target=[flights], default_status=dg.DefaultSensorStatus.RUNNING, tags={"TAG": "true"})
def review(): ...

defs = dg.Definitions([flights, days], sensors=[review])
""".replace("TAG", review.SENSOR_TAG)
SUBSCRIPTION = "subscription { locationStateChangeEvents { event { message } } }"


@pytest.fixture
def environ(tmp_path: Path, clean: dict[str, str], fresh: Fresh) -> dict[str, str]:
    """A home of its own, an empty ledger, and the demo's tables."""
    (tmp_path / "code.py").write_text(CODE)
    (tmp_path / "workspace.yaml").write_text("load_from: [{python_file: code.py}]")
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    urls = dict.fromkeys(("RECON_SOURCE_URL", "RECON_TARGET_URL"), fresh("postgresql"))
    named = {**urls, "RECON_LEDGER_URL": fresh("ledger"), "RECON_TABLES": "demo"}
    return {**clean, **named, "DAGSTER_HOME": str(tmp_path)}


def started(environ: Mapping[str, str], *words: str) -> "subprocess.Popen[bytes]":
    home = Path(environ["DAGSTER_HOME"])
    command = [sys.executable, "-m", "recon_assets.web", "--workspace", str(home / "workspace.yaml"), *words]
    with (home / "web.log").open("wb") as log:
        return subprocess.Popen(command, env=dict(environ), stdout=log, stderr=log, start_new_session=True)


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[str]:
    port = free_port()
    process = started(environ, "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or status(url, "/review/login") != 0, 120)
        assert process.poll() is None, (Path(environ["DAGSTER_HOME"]) / "web.log").read_text()
        yield url
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert time.monotonic() - begun < 15, "it ends when it is asked to"
    finally:
        process.kill()
        process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def status(url: str, path: str, method: str = "GET", body: str | None = None, **headers: str) -> int:
    """The status of an answer; 0 when there is none."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def subscribed(url: str, **headers: str) -> str:
    """What Dagster says first to somebody who subscribes to its events."""
    place = url.replace("http", "ws", 1) + "/graphql"
    with connect(place, subprotocols=[Subprotocol("graphql-ws")], additional_headers=headers) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {}}))
        said = json.loads(socket.recv())
        socket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": SUBSCRIPTION}}))
        with pytest.raises(TimeoutError):  # nothing happens, and nothing is wrong
            socket.recv(timeout=0.5)
        return str(said["type"])


PASSWORD = "correct horse"  # noqa: S105 - of these tests
VERSION = json.dumps({"query": "{ version }"})


def test_dagster_and_the_desk_share_a_port(environ: dict[str, str], browser: Browser) -> None:
    """Dagster's pages, its GraphQL over HTTP and websockets, and ours; nothing for other sites."""
    with serving(environ) as url:
        assert subscribed(url) == "connection_ack"
        assert subscribed(url, Origin=url) == "connection_ack"
        with pytest.raises(InvalidStatus):
            subscribed(url, Origin="http://evil.example")
        assert status(url, "/graphql", "POST", VERSION, content_type="application/json") == 200
        assert status(url, "/server_info", host="evil.example") == 421

        page = browser.new_page()
        page.goto(f"{url}/assets/flights")
        page.get_by_text("flights").first.wait_for()
        page.goto(f"{url}/review")
        page.get_by_text("Nothing waits for a decision.").wait_for()
        check_what_decisions_wait_for(url, environ["DAGSTER_HOME"], page)
        page.get_by_role("link", name="Dagster").click()
        page.get_by_text("Overview").first.wait_for()


def check_what_decisions_wait_for(url: str, home: str, page: Page) -> None:
    """The page says when the daemon is off, and when the sensor is stopped; nothing when they run."""
    banner = page.locator(".note.careful")

    def said() -> str:
        page.goto(f"{url}/review")
        return banner.inner_text() if banner.count() else ""

    assert "Dagster's daemon does not run" in said()
    with dg.DagsterInstance.from_config(home) as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", None))
        assert said() == ""
        ids = json.loads(posted(url, SENSOR))["data"]["sensorOrError"]["sensorState"]["id"]
        assert "STOPPED" in posted(url, STOP % ids)
        assert "the sensor `review` is stopped" in said()


def posted(url: str, query: str) -> str:
    """What GraphQL answers."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


SENSOR = """{ sensorOrError(sensorSelector: {repositoryLocationName: "code.py", repositoryName: "__repository__",
sensorName: "review"}) { ... on Sensor { sensorState { id } } } }"""
STOP = """mutation { stopSensor(id: "%s") { ... on StopSensorMutationResult { instigationState { status } } } }"""
PARAMS = """{selector: {repositoryLocationName: "code.py", repositoryName: "__repository__", jobName: "__ASSET_JOB",
assetSelection: [{path: ["flights"]}]}, executionMetadata: {tags: [{key: "recon/person", value: "forged"}]}}"""
LAUNCH = f"""mutation {{ launchRun(executionParams: {PARAMS})
{{ __typename ... on LaunchRunSuccess {{ run {{ runId tags {{ key value }} }} }} }} }}"""
MANY = f"""mutation {{ launchMultipleRuns(executionParamsList: [{PARAMS}])
{{ ... on LaunchMultipleRunsResult {{ launchMultipleRunsResult {{ __typename }} }} }} }}"""
AGAIN = """mutation { launchRunReexecution(reexecutionParams: {parentRunId: "%s", strategy: ALL_STEPS})
{ __typename ... on LaunchRunSuccess { run { tags { key value } } } ... on PythonError { message } } }"""
FILL = """mutation { launchPartitionBackfill(backfillParams: {assetSelection: [{path: ["days"]}], allPartitions: true})
{ __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
REFILL = """mutation { reexecutePartitionBackfill(reexecutionParams: {parentRunId: "%s", strategy: ALL_STEPS})
{ __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
FILLED = '{ partitionBackfillOrError(backfillId: "%s") { ... on PartitionBackfill { tags { key value } } } }'


def signed(found: Mapping[str, Any]) -> str:
    """Whose name something launched bears."""
    return next((tag["value"] for tag in found["tags"] if tag["key"] == "recon/person"), "")


def logged_in(url: str, name: str) -> str:
    """The cookie of somebody who has logged in."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/review/login", urlencode({"name": name, "password": PASSWORD}), form)
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.getheader("location")) == (303, "/recon")
    return str(answer.getheader("set-cookie")).partition(";")[0]


def check_roles(url: str, home: str) -> None:
    """Dagster launches for whoever may run, in their name, however it is asked; others only look, or not even that."""
    people = {name: logged_in(url, name) for name in ("ana", "ben", "eve", "cleo")}

    def ask(who: str, query: str, method: str = "POST") -> Any:
        kind = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        cookie = {"Cookie": people[who]}
        connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        path = "/graphql" if method == "POST" else f"/graphql?{urlencode({'query': query})}"
        connection.request(method, path, json.dumps({"query": query}) if method == "POST" else None, {**kind, **cookie})
        text = connection.getresponse().read().decode()
        connection.close()
        return json.loads(text)["data"] if text.startswith("{") else text

    runs = [ask("ana", LAUNCH, method)["launchRun"] for method in ("POST", "GET")]
    assert [signed(each["run"]) for each in runs] == ["ana", "ana"], runs
    again = ask("ben", AGAIN % runs[0]["run"]["runId"])["launchRunReexecution"]
    assert signed(again["run"]) == "ben", again
    filled = ask("ana", FILL)["launchPartitionBackfill"]["backfillId"]
    with dg.DagsterInstance.from_config(home) as instance:  # as its daemon would end it
        begun = instance.get_backfill(filled)
        assert begun
        instance.update_backfill(begun._replace(status=BulkActionStatus.COMPLETED_FAILED))
    refilled = ask("ben", REFILL % filled)["reexecutePartitionBackfill"]
    found = [ask("ana", FILLED % each)["partitionBackfillOrError"] for each in (filled, refilled["backfillId"])]
    assert [signed(each) for each in found] == ["ana", "ben"]
    assert ask("eve", LAUNCH)["launchRun"] == {"__typename": "UnauthorizedError"}
    many = ask("eve", MANY)["launchMultipleRuns"]["launchMultipleRunsResult"]
    assert many == [{"__typename": "UnauthorizedError"}]
    assert ask("eve", FILL)["launchPartitionBackfill"] == {"__typename": "UnauthorizedError"}
    assert ask("eve", "{ version }")["version"]
    assert "may see counts only" in ask("cleo", "{ version }")
    assert "may see counts only" in ask("cleo", "{ version }", "GET")


def test_one_login_opens_both(environ: dict[str, str], browser: Browser) -> None:
    """Without it neither answers; with it Dagster's own page works, subscriptions included, as far as the role goes."""
    users = ",".join(f"{name}:{hashed(PASSWORD)}" for name in ("ana", "ben", "eve", "cleo"))
    roles = "ana:decide+run,ben:run,eve:decide"
    known = {"RECON_WEB_USERS": users, "RECON_WEB_TOKEN": "t0k3n", "RECON_WEB_ROLES": roles}
    with serving({**environ, **known}) as url:
        check_roles(url, environ["DAGSTER_HOME"])
        for path in ("/", "/graphql", "/review", "/server_info", "/logs/x"):
            assert status(url, path) == 401, path
        with pytest.raises(InvalidStatus):
            subscribed(url)
        program = {"content_type": "application/json", "authorization": "Bearer t0k3n"}
        assert status(url, "/graphql", "POST", VERSION, **program) == 200

        page = browser.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"{url}/assets/flights")
        page.get_by_label("Name").fill("ana")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("flights").first.wait_for()
        assert page.url == f"{url}/assets/flights"
        until(lambda: bool(sockets), 30)
        cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
        assert subscribed(url, Origin=url, Cookie=cookies) == "connection_ack"
        page.goto(f"{url}/review")
        page.get_by_role("button", name="Log out").click()
        page.get_by_role("heading", name="Log in").wait_for()


UNUSABLE: dict[str, tuple[str, dict[str, str], str]] = {
    "open to all": ("::", {}, "Set RECON_WEB_USERS"),
    "no hash": ("127.0.0.1", {"RECON_WEB_USERS": "ana:secret"}, "is not name:hash"),
    "no ledger": ("127.0.0.1", {"RECON_LEDGER_URL": "postgresql://127.0.0.1:1/x"}, "ledger"),
}


@pytest.mark.parametrize(("host", "more", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_served_is_refused(
    environ: dict[str, str], tmp_path: Path, host: str, more: dict[str, str], said: str
) -> None:
    """Before Dagster is loaded and anything listens."""
    with pytest.raises(ReconError, match=said):
        serve(host, free_port(), tmp_path / "workspace.yaml", {**environ, **more})


def test_what_cannot_be_served_is_said_in_a_sentence(environ: dict[str, str]) -> None:
    """By the process, in its log: any of these errors, of which one is enough."""
    process = started(environ, "--port", str(free_port()), "--host", "::")
    assert process.wait(60) == 2
    log = (Path(environ["DAGSTER_HOME"]) / "web.log").read_text()
    assert "Set RECON_WEB_USERS" in log
    assert "Traceback" not in log
