"""The app as `make app` serves it, in Chromium: its page, its places, and what it says when a kernel has ended."""

import contextlib
from urllib.parse import urlsplit

import nbformat
import pytest
from servers import kernels_of, made

pytestmark = pytest.mark.browser
PLACEHOLDER = """() => {
    const output = document.querySelector("script[type='application/vnd.voila.cell-output+json']");
    return output && getComputedStyle(output.parentElement, "::after").content.includes("Loading this panel");
}"""
BUTTON = """\
import ipywidgets
button = ipywidgets.Button(description="Train", _dom_classes=["rlkit-train"])
line = ipywidgets.Text(_dom_classes=["rlkit-line"])
ipywidgets.VBox([button, line], _dom_classes=["rlkit-live"])"""
PLACES, PATIENCE = 4, 15  # seconds


@pytest.fixture(scope="module")
def app(tmp_path_factory, chromium):
    options = (f"--VisitorKernels.visitors={PLACES}", f"--VisitorKernels.patience={PATIENCE}")
    with made("app", tmp_path_factory.mktemp("app"), *options) as (process, port, _):
        yield process, f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def light_app(tmp_path_factory, chromium):
    """With a notebook of one button, whose kernel starts in no time; places and pages do not differ."""
    folder = tmp_path_factory.mktemp("light")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(BUTTON)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "light.ipynb")
    options = (f"--VisitorKernels.visitors={PLACES}", f"--VisitorKernels.patience={PATIENCE}")
    with made("app", folder, *options, notebook=folder / "light.ipynb") as (process, port, _):
        yield process, f"http://127.0.0.1:{port}/"


def open_panel(page, address):
    """Load the page and wait for its first panel."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    page.goto(address, timeout=120_000, wait_until="commit")
    page.locator(".rlkit-live .rlkit-train").wait_for(timeout=120_000)


def kernel_of(page, process):
    """The process of the kernel that a page uses."""
    number = page.evaluate("JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId")
    (kernel,) = (one for one in kernels_of(process) if number in " ".join(one.cmdline()))
    return kernel


def test_the_page_asks_no_other_host_and_has_a_title_and_an_icon(app, page):
    asked, complaints = set(), []
    page.on("request", lambda request: asked.add(urlsplit(request.url)._replace(path="", query="").geturl()))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    open_panel(page, app[1])
    page.locator(".rlkit-probe-picture").wait_for()
    assert {host for host in asked if host.startswith("http")} == {app[1].rstrip("/")}
    assert page.title() == "Playground · exploration and offline reinforcement learning"
    assert page.locator("link[rel=icon]").get_attribute("href").startswith("data:image/svg")
    assert complaints == []


def test_the_text_is_there_before_any_panel(app, page):
    page.route("**/voila.js", lambda route: route.abort())
    page.goto(app[1], wait_until="commit")
    page.get_by_role("heading", name="Playground").wait_for()
    page.wait_for_function(PLACEHOLDER)


def test_settings_in_the_address_are_set(app, page):
    from playwright.sync_api import expect

    open_panel(page, app[1] + "?settings=IQL,medium-rnd,expectile=0.8,seeds=2,updates=50")
    live = page.locator(".rlkit-live")
    expect(live.locator(".rlkit-algorithm select")).to_have_value("IQL")
    expect(live.locator(".rlkit-data select")).to_have_value("medium-rnd")
    expect(live.locator(".rlkit-field-expectile input[type=number]")).to_have_value("0.8")
    live.locator(".rlkit-field-seeds input[type=number]").fill("3")
    live.locator(".rlkit-field-seeds input[type=number]").press("Enter")
    link = live.get_by_role("link", name="Link to these settings")
    expect(link).to_have_attribute("href", "?settings=IQL,medium-rnd,expectile=0.8,seeds=3,updates=50")


def test_a_kernel_that_has_ended_is_told_in_words_and_another_one_is_a_click_away(light_app, page):
    from playwright.sync_api import expect

    process, address = light_app
    open_panel(page, address + "?settings=BC,medium-rnd")
    expect(page.locator(".rlkit-line input")).to_have_value("BC,medium-rnd")
    kernel = kernel_of(page, process)
    kernel.kill()
    alert = page.locator("#ended")
    expect(alert).to_contain_text("The kernel of this page has ended")
    alert.get_by_role("link", name="Load the page again").click()
    expect(alert).to_be_hidden()
    expect(page.locator(".rlkit-line input")).to_have_value("BC,medium-rnd")
    assert kernel_of(page, process) != kernel


@pytest.mark.parametrize(
    ("way", "seconds"),
    [
        (lambda page: page.goto("about:blank"), 10),
        (lambda page: page.reload(wait_until="commit"), 10),
        (lambda page: page.goto("chrome://crash"), PATIENCE + 30),
    ],
    ids=["leaves", "reloads", "crashes"],
)
def test_whoever_goes_gives_the_place_back(light_app, page, way, seconds):
    open_panel(page, light_app[1])
    kernel = kernel_of(page, light_app[0])
    with contextlib.suppress(Exception):  # a crash is one to Playwright as well
        way(page)
    kernel.wait(seconds)


def test_closing_the_tab_gives_the_place_back(light_app, page):
    context = page.context.browser.new_context()  # which outlives the tab, as a browser does
    tab = context.new_page()
    open_panel(tab, light_app[1])
    kernel = kernel_of(tab, light_app[0])
    with tab.expect_event("close"):
        tab.close(run_before_unload=True)
    kernel.wait(10)


def test_thirty_loads_in_a_row_by_one_visitor_each_show_a_panel(light_app, page):
    for _ in range(30):
        open_panel(page, light_app[1])


@pytest.mark.long
def test_twenty_visitors_at_once_each_have_a_panel_and_a_training(tmp_path, page):
    from playwright.sync_api import expect

    with made("app", tmp_path, "--VisitorKernels.visitors=20") as (process, port, _):
        pages = [page.context.browser.new_page() for _ in range(20)]
        for visitor in pages:
            visitor.goto(f"http://127.0.0.1:{port}/", timeout=300_000, wait_until="commit")
        for visitor in pages:
            visitor.locator(".rlkit-live .rlkit-train").click(timeout=300_000)
        for visitor in pages:
            expect(visitor.locator(".rlkit-live .rlkit-status")).to_contain_text("Done. DQN", timeout=300_000)
            expect(visitor.locator(".jp-OutputArea")).to_have_count(pages[0].locator(".jp-OutputArea").count())
        assert len(kernels_of(process)) == 20
        for visitor in pages:
            visitor.close()
