"""Jupyter servers, and pages in a browser, for the tests that need them."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PLAYGROUND = NOTEBOOKS / "12_playground.ipynb"


TOKEN = "a-test-of-the-workbook"


KERNEL_IS_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.context;
    const kernel = context?.isReady && context.sessionContext.session?.kernel;
    return kernel && kernel.connectionStatus === "connected" && kernel.status === "idle";
}"""


def missing(message):
    """Skip what needs something that is not there; where it must be, fail."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or missing("Chromium is not installed (Debian: apt-get install chromium)")


def wait_until_it_listens(port):
    """A server of Jupyter says that it is running a moment before it is."""
    for _ in range(600):
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 60):
            return
        time.sleep(0.1)
    pytest.fail(f"nothing listens on port {port}")


@contextmanager
def server(module, *options):
    """A server of its own on a free port, which is yielded once it is running."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.TemporaryDirectory()
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--no-browser", f"--port={port}", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {name: os.path.join(folder.name, name) for name in names},
    )
    said = []
    for line in process.stdout:  # ends when the server does
        said.append(line)
        if "is running at" in line:
            break
    rest = threading.Thread(target=lambda: said.extend(process.stdout))  # so that the pipe never fills
    rest.start()
    try:
        assert process.poll() is None, "".join(said)
        wait_until_it_listens(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)
        rest.join(30)
        process.stdout.close()
        folder.cleanup()


@contextmanager
def jupyterlab(root):
    """A JupyterLab of its own in a folder: what gives the address of a notebook there by its name."""
    options = [
        "--allow-root",
        "--ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with server("jupyterlab", *options) as port:
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}.ipynb?token={TOKEN}&reset"


@contextmanager
def voila(notebook):
    """A notebook as Voila serves it: its address."""
    if importlib.util.find_spec("voila") is None:
        missing("Voila is not installed (pip install voila)")
    options = ["--Voila.ip=127.0.0.1", "--show_tracebacks=True", str(notebook)]
    with server("voila", *options) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def page(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page(viewport={"width": 1400, "height": 1300})
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def run_all_cells(page, address):
    page.set_viewport_size({"width": 1400, "height": 5000})  # all cells are on the page
    page.goto(address)
    page.wait_for_function(KERNEL_IS_IDLE)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
