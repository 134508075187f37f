"""What `make lab` and `make app` open to others: this machine alone, and of the app nothing but its controls."""

import contextlib
import importlib.util
import json
import re
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
import websocket
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1
from servers import kernels_of, made

from rlkit_workbook.widgets.serving import PROTOCOL
from rlkit_workbook.widgets.settings import LIMITS

pytestmark = pytest.mark.browser


def assert_only_this_machine_reaches(process):
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # what Lab asks for its version ends by itself
            listening = [place.laddr.ip for place in one.net_connections() if place.status == psutil.CONN_LISTEN]
            assert set(listening) <= {"127.0.0.1", "::1"}, one.name()


def refused(port, path, method="get", **more):
    """The status of a request that must not be answered."""
    address = f"http://127.0.0.1:{port}{path}"
    answer = requests.request(method, address, allow_redirects=True, timeout=60, **more)
    assert answer.status_code >= 400, (path, answer.status_code)
    return answer


def connected(port, kernel, **more):
    address = f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    return websocket.create_connection(address, timeout=60, **more)


class Visitor:
    """Somebody at the app who sends what a browser would, and what a browser would not."""

    def __init__(self, port):
        began = time.monotonic()
        page = requests.get(f"http://127.0.0.1:{port}/", timeout=300)
        page.raise_for_status()
        self.seconds, self.port = time.monotonic() - began, port
        self.kernel = re.search(r'"kernelId"\s*:\s*"([0-9a-f-]{36})"', page.text)[1]
        self.socket = connected(port, self.kernel, subprotocols=[PROTOCOL])

    def close(self):
        self.socket.shutdown()

    def send(self, kind, channel="shell", **content):
        number = uuid.uuid4().hex
        header = {"msg_id": number, "username": "", "session": "v", "msg_type": kind, "version": "5.3", "date": ""}
        message = {"header": header, "parent_header": {}, "metadata": {"version": "1.0.0"}, "content": content}
        self.socket.send_binary(serialize_msg_to_ws_v1(message, channel, lambda part: json.dumps(part).encode()))
        return number

    def until(self, wanted, seconds):
        """The first message that is wanted, or None in so many seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                _, parts = deserialize_msg_from_ws_v1(self.socket.recv())
            except websocket.WebSocketTimeoutException:
                return None
            header, parent, _, content = (json.loads(part) for part in parts[:4])
            message = {"msg_type": header["msg_type"], "parent_header": parent, "content": content}
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
    with made("app", tmp_path_factory.mktemp("app"), "--VisitorKernels.visitors=3") as (process, port, _):
        yield process, port


@pytest.fixture(scope="module")
def visitor(app):
    with contextlib.closing(Visitor(app[1])) as somebody:
        yield somebody


def leave(visitor):
    """What a browser does when its page is closed."""
    address = f"http://127.0.0.1:{visitor.port}"
    visitor.close()
    form, place = {"_xsrf": (None, "x")}, f"{address}/voila/api/shutdown/{visitor.kernel}"
    answer = requests.post(place, files=form, cookies={"_xsrf": "x"}, timeout=60)
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
    "name", ["12_playground.ipynb", "Makefile", "figures/01_mazes.png", "../LICENSE", "/etc/passwd"]
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
    with pytest.raises(websocket.WebSocketBadStatusException):
        connected(app[1], visitor.kernel, subprotocols=[PROTOCOL], origin="http://elsewhere.example")


def test_a_visitor_executes_nothing(visitor, tmp_path):
    code = {"code": f"open({str(tmp_path / 'canary')!r}, 'w')", "silent": False, "user_expressions": {}}
    assert visitor.answer("kernel_info_request", seconds=60), "what a page needs is answered"
    for channel in ("shell", "control"):
        assert visitor.answer("execute_request", channel=channel, **code) is None
    for kind in ("inspect_request", "complete_request", "history_request", "is_complete_request"):
        assert visitor.answer(kind, seconds=1, code="trainer", cursor_pos=3, hist_access_type="tail", n=9) is None
    assert visitor.answer("debug_request", seconds=1, channel="control", command="evaluate", seq=1) is None
    assert not list(tmp_path.iterdir())


def status_of(controls):
    return next(number for number, state in controls.items() if "Choose, then press" in str(state.get("value")))


def test_a_visitor_cannot_ask_for_more_than_the_limits(visitor):
    controls = visitor.controls()
    train, status = find(controls, "ButtonModel", description="Train"), status_of(controls)
    for name, limit in LIMITS.items():
        name = name.replace("_", " ")
        field = find(controls, "FloatTextModel", description=name)
        visitor.change(field, value=1e7)
        visitor.press(train)
        assert f"expected an integer from 1 to {limit:,} here" in visitor.sees(status, f"{name} is 1e+07; ")
        visitor.change(field, value=controls[field]["value"])
    visitor.press(find(controls, "ButtonModel", description="Reset"))
    visitor.sees(status, "Choose, then press Train.")


def test_a_client_of_another_protocol_is_refused(app, visitor):
    for offered in (None, ["v0.kernel.websocket.jupyter.org"]):
        with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
            connected(app[1], visitor.kernel, subprotocols=offered)
        assert refusal.value.status_code == 400


def test_a_malformed_message_ends_its_connection_and_nothing_else(app, visitor):
    two = (2).to_bytes(8, "little")
    for message in (b"\xff" * 64, b"", b"\x01", "{}", bytes(8), two + bytes(8)):
        other = connected(app[1], visitor.kernel, subprotocols=[PROTOCOL])
        (other.send if isinstance(message, str) else other.send_binary)(message)
        with contextlib.suppress(websocket.WebSocketConnectionClosedException):
            while other.recv():  # until it is closed
                pass
        other.shutdown()
    assert visitor.answer("kernel_info_request", seconds=60), "the app still answers"
    assert app[0].memory_full_info().uss < 1e9


def play(visitor, seconds):
    """Train for so many seconds, looking at the pictures, and stop: how many pictures, how long Stop took."""
    controls = visitor.controls()
    status, picture = status_of(controls), find(controls, "HTMLModel", _dom_classes=["rlkit-live-picture"])
    visitor.change(find(controls, "FloatTextModel", description="updates"), value=LIMITS["updates"])
    visitor.press(find(controls, "ButtonModel", description="Train"))
    visitor.sees(status, "Training.", 120)
    pictures, until = 0, time.monotonic() + seconds

    def is_picture(message):
        state = message["content"].get("data", {}).get("state", {})
        return message["content"].get("comm_id") == picture and "data:image/png" in state.get("value", "")

    while (left := until - time.monotonic()) > 0 and visitor.until(is_picture, left):
        pictures += 1
    asked = time.monotonic()
    visitor.press(find(controls, "ButtonModel", description="Stop"))
    visitor.sees(status, "Stopped.", 120)
    return pictures, time.monotonic() - asked


def load(process, port, visitors, seconds):
    """All places are taken and all who have one train at once; one too many asks; all leave: what it took."""
    kernels = kernels_of(process)
    assert len(kernels) == len(visitors)
    with ThreadPoolExecutor(len(visitors)) as pool:
        playing = [pool.submit(play, visitor, seconds) for visitor in visitors]
        answer = requests.get(f"http://127.0.0.1:{port}/", timeout=60)
        pictures, stops = zip(*(one.result() for one in playing), strict=True)
    facts = {
        "one too many": (answer.status_code, f"all {len(visitors)} places of this app are taken" in answer.text),
        "seconds to a page": sorted(round(visitor.seconds, 1) for visitor in visitors),
        "pictures a visitor": sorted(pictures),
        "seconds to stop": sorted(round(stop, 1) for stop in stops),
        "MB a kernel": sorted(round(one.memory_full_info().uss / 1e6) for one in kernels),
        "MB of the server": round(process.memory_full_info().uss / 1e6),
    }
    for visitor in visitors:
        leave(visitor)
    _, alive = psutil.wait_procs(kernels, 60)
    return facts | {"kernels left": len(alive)}


@pytest.mark.slow
def test_all_visitors_train_at_once_one_too_many_is_refused_and_nothing_is_left(app, visitor):
    facts = load(*app, [visitor, Visitor(app[1]), Visitor(app[1])], seconds=5)
    assert facts["one too many"] == (503, True)
    assert min(facts["pictures a visitor"]) > 0
    assert facts["kernels left"] == 0
    until = time.monotonic() + 60  # soon there are places again
    while not requests.get(f"http://127.0.0.1:{app[1]}/", timeout=60).ok:
        assert time.monotonic() < until
        time.sleep(1)


@pytest.mark.slow
def test_a_visitor_who_does_nothing_gives_the_place_back(tmp_path):
    soon = ("--MappingKernelManager.cull_idle_timeout=2", "--MappingKernelManager.cull_interval=1")
    with made("app", tmp_path, *soon) as (process, port, _):
        visitor = Visitor(port)
        own = f"kernel-{visitor.kernel}.json"  # the others wait for visitors to come
        (kernel,) = [one for one in kernels_of(process) if any(own in word for word in one.cmdline())]
        _, alive = psutil.wait_procs([kernel], 60)
        visitor.close()  # the page was open all the time
        assert not alive


if __name__ == "__main__":  # what so many visitors take: python tests/test_serving.py 10
    places = f"--VisitorKernels.visitors={sys.argv[1]}"
    with tempfile.TemporaryDirectory() as folder, made("app", Path(folder), places) as (process, port, _):
        with ThreadPoolExecutor(int(sys.argv[1])) as pool:
            visitors = list(pool.map(Visitor, [port] * int(sys.argv[1])))
        print(json.dumps(load(process, port, visitors, seconds=20), indent=1))
