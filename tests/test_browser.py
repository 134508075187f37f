"""The sliders in a real browser: JupyterLab in Chromium, moved by keyboard and by pointer."""

import os
import shutil
import socket
import subprocess
import sys
import threading

import nbformat
import pytest

pytestmark = pytest.mark.browser

TOKEN = "a-test-of-the-workbook"
TINY_SWEEP = """\
import torch

torch.set_num_threads(1)
from rlkit_mini import MAZES, Oracle, explore, train_offline
from rlkit_mini.agents import CQL
from rlkit_mini.collecting import near_expert
from rlkit_mini.sweeps import Sweep
from rlkit_mini.widgets import scrub

oracle = Oracle(MAZES["medium"])
(data,) = explore(near_expert(oracle, 0.1), MAZES["medium"], 500, progress=False)
agent = CQL(alpha=[0, 1], seeds=2)
history = train_offline(agent, data, 200, oracle, evaluations=4, progress=False)
view = scrub(Sweep.of(agent, history, oracle), {"behaviour": data.episode_returns.mean()})"""

KERNEL_IS_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.context;
    const kernel = context?.isReady && context.sessionContext.session?.kernel;
    return kernel && kernel.connectionStatus === "connected" && kernel.status === "idle";
}"""


@pytest.fixture(scope="module")
def chromium():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        message = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    """A JupyterLab of its own, with a notebook of a tiny sweep: its address."""
    root = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(source) for source in (TINY_SWEEP, "view")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}  # else Lab asks
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / "scrub.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {name: str(tmp_path_factory.mktemp(name)) for name in folders},
    )
    said = []
    for line in server.stdout:  # ends when the server does
        said.append(line)
        if "is running at" in line:
            break
    rest = threading.Thread(target=lambda: said.extend(server.stdout))  # so that the pipe never fills
    rest.start()
    try:
        assert server.poll() is None, "".join(said)
        yield f"http://127.0.0.1:{port}/lab/tree/scrub.ipynb?token={TOKEN}&reset"
    finally:
        server.terminate()
        server.wait(30)
        rest.join(30)
        server.stdout.close()


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


def test_the_scrub_slider_moves_by_keyboard_and_by_pointer(lab, page):
    from playwright.sync_api import expect

    expect.set_options(timeout=120_000)
    page.goto(lab)
    page.wait_for_function(KERNEL_IS_IDLE)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    picture, words = page.locator(".rlkit-scrub-picture"), page.locator(".rlkit-scrub-caption")
    slider = page.locator(".rlkit-scrub-alpha")
    handle = slider.locator(".noUi-handle")
    expect(words).to_contain_text("CQL, alpha 0: return")
    expect(slider).to_contain_text("alpha")
    expect(handle).to_have_attribute("role", "slider")

    def size():
        return picture.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])")

    first = picture.get_attribute("src")
    assert size() == [900, 700]

    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(words).to_contain_text("alpha 1: return")
    expect(picture).not_to_have_attribute("src", first)
    assert size() == [900, 700]
    page.keyboard.press("ArrowLeft")
    expect(words).to_contain_text("alpha 0: return")

    before = picture.get_attribute("src")
    handle.hover()
    page.mouse.down()
    track = slider.locator(".noUi-base").bounding_box()
    page.mouse.move(track["x"] + track["width"], track["y"] + track["height"] / 2, steps=5)
    page.mouse.up()
    expect(words).to_contain_text("alpha 1: return")
    expect(picture).not_to_have_attribute("src", before)

    expect(page.locator('[data-mime-type="application/vnd.jupyter.error"]')).to_have_count(0)
