"""Jupyter servers, and pages in a browser, for the tests that need them."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
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
    """A JupyterLab of its own in a folder, and Notebook: what gives the address of a notebook there by its name."""
    options = [
        "--allow-root",
        "--ip=127.0.0.1",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with server("jupyterlab", *options) as port:
        yield lambda name, app="lab/tree": f"http://127.0.0.1:{port}/{app}/{name}.ipynb?token={TOKEN}&reset"


@contextmanager
def voila(notebook):
    """A notebook as Voila serves it: its address."""
    if importlib.util.find_spec("voila") is None:
        missing("Voila is not installed (pip install voila)")
    options = ["--Voila.ip=127.0.0.1", "--show_tracebacks=True", str(notebook)]
    with server("voila", *options) as port:
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def made(target, folder, *options, notebook=None):
    """A server as the Makefile starts it, with further options, on a free port: its process, that port, what it says.

    Args:
        notebook: served in place of the Makefile's.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variable = f"{target.upper()}=--no-browser --port={port} {' '.join(options)}"
    lines = subprocess.run(["make", "-n", target, variable], cwd=ROOT, capture_output=True, text=True, check=True)
    command = re.search(r"^(?:JUPYTER_\S+ )*\.venv/bin/(?:jupyter lab|voila) .*$", lines.stdout, re.MULTILINE)[0]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    command = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    command = re.sub(r"\S+\.ipynb", str(notebook), command) if notebook else command
    # A session of its own, which ends when this process does, however it does: then the pipe to its shell closes
    shell = subprocess.Popen(
        ["bash", "-c", f"{command} & echo $!; exec >/dev/null 2>&1; cat; kill -KILL $!"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ
        | {name: str(folder / name) for name in folders}
        | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "notebooks")])},
    )
    rest = None
    try:
        process, said = psutil.Process(int(shell.stdout.readline())), []
        for line in shell.stdout:
            said.append(line)
            if "is running at" in line:
                break
        else:
            pytest.fail("".join(said))
        rest = threading.Thread(target=lambda: said.extend(shell.stdout))  # so that the pipe never fills
        rest.start()
        wait_until_it_listens(port)
        yield process, port, said
    finally:
        family = psutil.Process(shell.pid).children(recursive=True)
        shell.stdin.close()
        _, alive = psutil.wait_procs(family, 20)
        for one in alive:
            one.kill()
        shell.wait(60)
        if rest is not None:
            rest.join(60)
        shell.stdout.close()
    assert not alive, "it left processes behind"


def kernels_of(process):
    """The processes of a server's kernels."""
    kernels = []
    for one in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            kernels += [one] if any("ipykernel" in word for word in one.cmdline()) else []
    return kernels


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
