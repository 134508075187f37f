"""The site in a real browser that reaches its files and nothing else: no kernel, no other host."""

import functools
import json
import subprocess
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from servers import NOTEBOOKS

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(3000)]

ROOT = NOTEBOOKS.parent
CHAPTERS = {path.stem: path for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
VIEWS = 'script[type="application/vnd.jupyter.widget-view+json"]'
ALL_WIDGETS = f"""() => document.querySelectorAll(".widget-subarea > *").length ===
    document.querySelectorAll('{VIEWS}').length"""
FIRST_VIEW = """() => {
    const [page] = performance.getEntriesByType("navigation");
    const others = performance.getEntriesByType("resource").filter(entry => entry.startTime < page.loadEventStart);
    return [page, ...others].reduce((bytes, entry) => bytes + entry.encodedBodySize, 0);
}"""
ALL_PICTURES = """() => Promise.all([...document.querySelectorAll("main img:not([hidden])")].map(picture => {
    picture.loading = "eager";
    return picture.decode();
}))"""
JUDGE = """async () => {
    const { violations } = await axe.run({ runOnly: ["color-contrast", "image-alt"] });
    return violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 200)}`));
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words):
        pass


@pytest.fixture(scope="module")
def built():
    """The folder of the site, as `make site` builds it."""
    subprocess.run(["make", "-j2", "site"], cwd=ROOT, check=True)
    return ROOT / "build" / "site"


@pytest.fixture(scope="module")
def site(built):
    """The address where these files are served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=built)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def nothing_wrong(page, site):
    """Meanwhile nothing is asked of another host, which cannot be reached, every answer is good, no error is told."""
    wrong = []
    own = lambda url: url.startswith((f"{site}/", "data:", "blob:"))  # noqa: E731
    page.route(lambda url: not own(url), lambda route: route.abort())
    page.on("request", lambda request: own(request.url) or wrong.append(request.url))
    page.on("response", lambda response: response.status < 400 or wrong.append(response.url))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield
    assert wrong == []


def code_of(chapter):
    cells = json.loads(CHAPTERS[chapter].read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def ends_of(view, handle):
    """Pictures and words of a view at the first and at the last value of a slider."""
    for key in ("Home", "End"):
        handle.press(key)
        pictures = view.locator(".rlkit-view img").evaluate_all("all => all.map(each => each.src)")
        yield pictures, view.locator(".rlkit-words").inner_text()


def test_any_static_host_takes_it(built):
    assert sum(path.stat().st_size for path in built.rglob("*")) < 80e6


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_moves_without_a_kernel(site, page, chapter):
    from playwright.sync_api import expect

    expect.set_options(timeout=120_000)
    with nothing_wrong(page, site):
        page.goto(f"{site}/notebooks/{chapter}.html")
        assert page.evaluate(FIRST_VIEW) < 3e6
        page.wait_for_function(ALL_WIDGETS)
        page.evaluate(ALL_PICTURES)
        views = page.locator(".rlkit-scrub").all()
        assert len(views) >= sum("scrub(" in code for code in code_of(chapter))
        for view in views:
            for handle in view.locator(".noUi-handle").all():
                (first, said), (last, says) = ends_of(view, handle)
                assert first != last
                assert said != says
        questions = page.locator(".quiz .widget-radio").all()
        assert len(questions) >= 3
        for question in questions:
            for answer in question.locator("input").all():
                answer.check()
                expect(question.locator("xpath=following-sibling::*").get_by_role("status")).to_have_count(1)
    solve = page.get_by_text("Solve it in JupyterLab")
    expect(solve).to_have_count(sum(code.startswith("@exercise") for code in code_of(chapter)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_and_pictures_have_words(site, page, built, scheme):
    """At least 4.5:1, as axe measures it; on every chapter and a page of each other kind."""
    axe = (built.parent / "npm" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    page.emulate_media(color_scheme=scheme)
    chapters = [f"notebooks/{chapter}" for chapter in CHAPTERS]
    for name in (*chapters, "index", "figures/RESULTS", "reference/rlkit_mini.agents.cql", "search"):
        page.goto(f"{site}/{name}.html")
        page.wait_for_function(ALL_WIDGETS)
        assert page.locator("html").get_attribute("data-theme") == scheme
        page.evaluate(axe)
        assert page.evaluate(JUDGE) == [], name


def test_a_reader_finds_the_way(site, page):
    from playwright.sync_api import expect

    expect.set_options(timeout=120_000)
    with nothing_wrong(page, site):
        page.goto(f"{site}/index.html")
        expect(page.locator(".bd-sidebar a[href*='notebooks/']").filter(has_text="·")).to_have_count(len(CHAPTERS))
        page.get_by_role("link", name="Conservative Q-learning").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Conservative Q-learning")
        for way, chapter in ((".right-next", "AWAC"), (".left-prev", "Conservative"), (".left-prev", "Offline DQN")):
            page.locator(way).click()
            expect(page.get_by_role("heading", level=1)).to_contain_text(chapter)
        with page.expect_download() as download:
            page.get_by_role("link", name="Open this notebook", exact=True).click()
        cells = json.loads(download.value.path().read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells)
        page.goto(f"{site}/search.html?q=expectile")
        expect(page.locator("#search-results a[href*='07_implicit']").first).to_be_visible()
        page.goto(f"{site}/reference/rlkit_mini.agents.cql.html")
        page.locator("a[href*='_modules']").first.click()
        expect(page.locator("pre")).to_contain_text("class CQL(DQN)")
