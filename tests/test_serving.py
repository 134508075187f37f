"""What `make lab` and `make app` open to others: this machine alone, and of the app nothing but its controls."""

import contextlib
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest
import requests
import websocket

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.browser


@contextlib.contextmanager
def made(target, folder, *options):
    """A server as the Makefile starts it, on a free port: its process and that port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variable = f"{target.upper()}=--no-browser --port={port} {' '.join(options)}"
    lines = subprocess.run(["make", "-n", target, variable], cwd=ROOT, capture_output=True, text=True, check=True)
    command = re.search(r"^\.venv/bin/(?:jupyter lab|voila) (?:.*\\\n)*.*$", lines.stdout, re.MULTILINE)[0]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    process = subprocess.Popen(
        ["bash", "-c", "exec " + command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {name: str(folder / name) for name in folders} | {"PYTHONPATH": str(ROOT)},
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "is running at" in line:
            break
    rest = threading.Thread(target=lambda: said.extend(process.stdout))  # so that the pipe never fills
    rest.start()
    try:
        assert process.poll() is None, "".join(said)
        yield psutil.Process(process.pid), port, said
    finally:
        process.terminate()
        process.wait(60)
        rest.join(60)
        process.stdout.close()


def assert_only_this_machine_reaches(process):
    for one in [process, *process.children(recursive=True)]:
        listening = [place.laddr.ip for place in one.net_connections() if place.status == psutil.CONN_LISTEN]
        assert set(listening) <= {"127.0.0.1", "::1"}, one.name()


def refused(port, path, method="get", **more):
    """The status of a request that must not be answered."""
    address = f"http://127.0.0.1:{port}{path}"
    answer = requests.request(method, address, allow_redirects=True, timeout=60, **more)
    assert answer.status_code >= 400, (path, answer.status_code)
    return answer


class Visitor:
    """Somebody at the app who sends what a browser would, and what a browser would not."""

    def __init__(self, port):
        began = time.monotonic()
        page = requests.get(f"http://127.0.0.1:{port}/", timeout=300)
        page.raise_for_status()
        self.seconds, self.port = time.monotonic() - began, port
        self.kernel = re.search(r'"kernelId"\s*:\s*"([0-9a-f-]{36})"', page.text)[1]
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}/api/kernels/{self.kernel}/channels?session_id=v"
        )

    def send(self, kind, channel="shell", **content):
        number = uuid.uuid4().hex
        header = {"msg_id": number, "username": "", "session": "v", "msg_type": kind, "version": "5.3", "date": ""}
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {"version": "1.0.0"},
            "content": content,
            "channel": channel,
        }
        self.socket.send(json.dumps(message | {"buffers": []}))
        return number

    def until(self, wanted, seconds):
        """The first message that is wanted, or None in so many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self.socket.recv()
            except websocket.WebSocketTimeoutException:
                return None
            if isinstance(data, bytes):  # how many parts, where each begins, the parts; the message is the first
                places = [int.from_bytes(data[at : at + 4], "big") for at in range(0, 4 * data[3] + 4, 4)]
                data = data[slice(*[*places[1:], None][:2])]
            message = json.loads(data)
            if wanted(message):
                return message
        return None

    def answer(self, kind, seconds=3, **more):
        """The reply to a message, or None."""
        number = self.send(kind, **more)
        return self.until(
            lambda m: m["parent_header"].get("msg_id") == number and m["msg_type"].endswith("_reply"), seconds
        )

    def controls(self):
        """Model number -> its state, of every control of the page."""
        comm = uuid.uuid4().hex
        self.send("comm_open", comm_id=comm, target_name="jupyter.widget.control", data={})
        self.send("comm_msg", comm_id=comm, data={"method": "request_states"})
        found = self.until(lambda m: m["content"].get("comm_id") == comm and m["msg_type"] == "comm_msg", 60)
        return {number: model["state"] for number, model in found["content"]["data"]["states"].items()}

    def change(self, number, **state):
        self.send("comm_msg", comm_id=number, data={"method": "update", "state": state, "buffer_paths": []})

    def press(self, number):
        self.send("comm_msg", comm_id=number, data={"method": "custom", "content": {"event": "click"}})

    def sees(self, number, words, seconds=60):
        """Wait until a control of this number says these words: what it says."""

        def wanted(message):
            content = message["content"]
            state = content.get("data", {}).get("state", {}) if content.get("comm_id") == number else {}
            return words in str(state.get("value", ""))

        found = self.until(wanted, seconds)
        assert found, f"it never said {words!r}"
        return found["content"]["data"]["state"]["value"]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    if importlib.util.find_spec("voila") is None:
        pytest.skip("Voila is not installed (pip install voila)")
    with made("app", tmp_path_factory.mktemp("app"), "--VisitorKernels.visitors=4") as (process, port, _):
        yield process, port


@pytest.fixture
def visitor(app):
    visitor = Visitor(app[1])
    yield visitor
    leave(visitor)


def leave(visitor):
    """What a browser does when its page is closed."""
    address = f"http://127.0.0.1:{visitor.port}"
    visitor.socket.close()
    session = requests.Session()
    session.cookies.set("_xsrf", "x")
    answer = session.post(f"{address}/voila/api/shutdown/{visitor.kernel}", headers={"X-XSRFToken": "x"}, timeout=60)
    assert answer.status_code == 204


def find(controls, model, **state):
    """The number of the one control of this model and state."""
    (found,) = (
        number
        for number, control in controls.items()
        if control["_model_name"] == model and all(control[key] == value for key, value in state.items())
    )
    return found


def test_lab_listens_on_this_machine_and_asks_for_a_token(tmp_path):
    with made("lab", tmp_path, "--allow-root") as (process, port, said):
        assert_only_this_machine_reaches(process)
        refused(port, "/api/contents")
        refused(port, "/api/kernels", "post", json={"name": "python3"})
        token = re.search(r"token=([0-9a-f]{32,})", "".join(said))[1]
        address = f"http://127.0.0.1:{port}/api/contents?token={token}"
        assert requests.get(address, timeout=60).ok
        assert requests.get(address, timeout=60, headers={"Host": "elsewhere.example"}).status_code == 403


def test_the_app_listens_on_this_machine(app, visitor):
    assert_only_this_machine_reaches(app[0])


@pytest.mark.parametrize("prefix", ["", "/voila/files", "/voila/files/..", "/voila/files/%2e%2e", "/voila/render"])
@pytest.mark.parametrize(
    "name", ["10_playground.ipynb", "Makefile", "figures/01_mazes.png", "../LICENSE", "/etc/passwd"]
)
def test_the_app_serves_no_file(app, prefix, name):
    refused(app[1], f"{prefix}/{name}")


@pytest.mark.parametrize("path", ["contents", "kernels", "sessions", "terminals", "status", "kernelspecs", "config/a"])
def test_the_app_has_none_of_the_notebook_servers_doors(app, path):
    for method in ("get", "post", "put", "delete"):
        refused(app[1], f"/api/{path}", method)


def test_the_app_answers_only_its_own_pages(app, visitor):
    refused(app[1], "/", headers={"Host": "elsewhere.example"})
    for path in ("", "/restart", "/interrupt"):
        refused(app[1], f"/api/kernels/{visitor.kernel}{path}", "post")
    refused(app[1], f"/api/kernels/{visitor.kernel}", "delete")
    address = f"ws://127.0.0.1:{app[1]}/api/kernels/{visitor.kernel}/channels"
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(address, origin="http://elsewhere.example")


def test_a_visitor_executes_nothing(visitor, tmp_path):
    code = {"code": f"open({str(tmp_path / 'canary')!r}, 'w')", "silent": False, "user_expressions": {}}
    assert visitor.answer("kernel_info_request", seconds=60), "what a page needs is answered"
    for channel in ("shell", "control"):
        assert visitor.answer("execute_request", channel=channel, **code) is None
    for kind in ("inspect_request", "complete_request", "history_request", "is_complete_request"):
        assert visitor.answer(kind, seconds=1, code="trainer", cursor_pos=3, hist_access_type="tail", n=9) is None
    assert visitor.answer("debug_request", seconds=1, channel="control", command="evaluate", seq=1) is None
    assert not list(tmp_path.iterdir())


def one_too_many(port):
    return requests.get(f"http://127.0.0.1:{port}/", timeout=60)


def test_a_visitor_too_many_is_refused_until_a_place_is_free(app):
    visitors = [Visitor(app[1]) for _ in range(4)]
    answer = one_too_many(app[1])
    assert answer.status_code == 503
    assert "all 4 places of this app are taken" in answer.text
    leave(visitors.pop())
    visitors.append(Visitor(app[1]))
    for visitor in visitors:
        leave(visitor)
