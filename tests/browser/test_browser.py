"""The widgets in a real browser: JupyterLab, Notebook and Voila in Chromium, used by keyboard and by pointer."""

import re
import shutil

import nbformat
import pytest
from servers import KERNEL_IS_IDLE, NOTEBOOKS, PLAYGROUND, jupyterlab, run_all_cells, voila

pytestmark = pytest.mark.browser

START = NOTEBOOKS / "00_start_here.ipynb"
TINY_SWEEPS = """\
import torch

torch.set_num_threads(1)
from rlkit_mini import MAZES, Oracle, explore, train_offline
from rlkit_mini.agents import CQL, RND
from rlkit_mini.agents.guides import near_expert
from rlkit_workbook.sweeps import ExplorationSweep, Sweep
from rlkit_workbook.widgets import gallery_panel, probe, scrub

oracle, sweeps = Oracle(MAZES["medium"]), {}
(data,) = explore(near_expert(oracle, 0.1), MAZES["medium"], 500, progress=False)
for name, steps in (("few steps", 100), ("all steps", 500)):
    agent = CQL(alpha=[0, 1], seeds=2)
    history = train_offline(agent, data[:steps], 100, oracle, evaluations=4, progress=False)
    sweeps[name] = Sweep.of(agent, history, oracle)
agents = scrub(Sweep.join(sweeps, "data set"), {"behaviour": data.episode_returns.mean()})
curious = RND(rnd_weight=[0, 1], epsilon=[0.1, 0.5], seeds=2)
explorers = scrub(ExplorationSweep.explore(curious, oracle, 150, 3, progress=False))
cautious = CQL(alpha=10.0, seeds=2)
train_offline(cautious, data, 100, progress=False)
prober = probe({"untrained": (CQL(seeds=2), data), "CQL": (cautious, data)})
gallery = gallery_panel("medium", "CQL", {"dataset": "walked/medium-0.3"})"""


IS_TOLD = """() => {
    const words = getComputedStyle(document.querySelector(".rlkit-live"), "::before").content;
    return words.includes("The kernel of this panel has ended");
}"""


RUN_IN_KERNEL = """code => {
    const kernel = jupyterapp.shell.currentWidget.context.sessionContext.session.kernel;
    return kernel.requestExecute({ code }).done.then(reply => reply.content.status);
}"""


@pytest.fixture(scope="module", autouse=True)
def datasets(tmp_path_factory):
    """A copy of the data sets, which is what the servers know of."""
    copy = tmp_path_factory.mktemp("datasets")
    shutil.copytree(NOTEBOOKS.parent / "datasets", copy, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(copy))
        yield copy


def write_sliders(path):
    cells = [
        nbformat.v4.new_code_cell(source)
        for source in (TINY_SWEEPS, "agents", "explorers", "prober", "gallery", "agents.figure")
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}  # else Lab asks
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, chromium):
    """JupyterLab with tiny sweeps, the first notebook and the playground."""
    root = tmp_path_factory.mktemp("lab")
    write_sliders(root / "sliders.ipynb")
    for name, notebook in (("playground", PLAYGROUND), ("start", START)):
        shutil.copy(notebook, root / f"{name}.ipynb")
    with jupyterlab(root) as address_of:
        yield address_of


@pytest.fixture(scope="module")
def app(chromium):
    with voila(PLAYGROUND) as address:
        yield address


@pytest.fixture(scope="module")
def sliders_app(tmp_path_factory, chromium):
    notebook = tmp_path_factory.mktemp("voila") / "sliders.ipynb"
    write_sliders(notebook)
    with voila(notebook) as address:
        yield address


def by_keyboard(page, slider, key):
    slider.locator(".noUi-handle").focus()
    page.keyboard.press(key)


def by_pointer(page, slider, share):
    """Drag the handle to a share of the track."""
    slider.locator(".noUi-handle").hover()
    page.mouse.down()
    track = slider.locator(".noUi-base").bounding_box()
    page.mouse.move(track["x"] + share * track["width"], track["y"] + track["height"] / 2, steps=5)
    page.mouse.up()


# The sizes on the page that a picture had in any frame: one, if it neither vanishes nor jumps between two pictures
WATCH = """picture => {
    picture.sizesSeen = new Set();
    const look = () => {
        const { width, height } = picture.getBoundingClientRect();
        picture.sizesSeen.add(`${width} x ${height}`);
        requestAnimationFrame(look);
    };
    look();
}"""


def watch(view):
    view.locator(".rlkit-pictures").evaluate(WATCH)


def sizes_of(view):
    return view.locator(".rlkit-pictures").evaluate("picture => [...picture.sizesSeen]")


def use_a_scrub_slider(page, view, name, first, last):
    """From its first value to its last and back by pointer, then by keyboard to the last; its figure follows."""
    from playwright.sync_api import expect

    picture, words = view.locator(".rlkit-view img").first, view.locator(".rlkit-words")
    slider = view.locator(f".rlkit-scrub-{name}")
    expect(slider).to_contain_text(name.replace("-", " "))
    handle = slider.locator(".noUi-handle")
    expect(handle).to_have_attribute("role", "slider")
    expect(handle).to_have_attribute("aria-label", re.compile(name.replace("-", " ").replace("_", " ")))
    assert min(handle.evaluate("handle => [handle.offsetWidth, handle.offsetHeight]")) >= 24
    for move, to, says in (
        (by_pointer, 1.0, last),
        (by_pointer, 0.0, first),
        (by_keyboard, "ArrowRight", None),
        (by_keyboard, "Home", first),
        (by_keyboard, "End", last),
    ):
        shown, said = picture.get_attribute("src"), words.inner_text()
        move(page, slider, to)
        if says:
            expect(words).to_contain_text(says)
            expect(handle).to_have_attribute("aria-valuetext", slider.locator(".widget-readout").inner_text())
        else:
            expect(words).not_to_have_text(said)
        expect(picture).not_to_have_attribute("src", shown)


def use_a_map_by_keyboard(page, probe):
    """One place is reached by Tab, the others by the arrow keys, with a ring that is seen; Enter chooses."""
    from playwright.sync_api import expect

    places = probe.locator(".rlkit-places")
    expect(places.locator("button[tabindex='0']")).to_have_count(1)
    places.get_by_role("button", name="x 3.5, y 4.5").focus()
    for key, to in (("ArrowRight", "x 4.5, y 4.5"), ("ArrowLeft", "x 3.5, y 4.5"), ("ArrowDown", "x 3.5, y 3.5")):
        page.keyboard.press(key)
        expect(places.get_by_role("button", name=to)).to_be_focused()
    ring = places.locator("button:focus").evaluate("place => getComputedStyle(place).outline")
    assert ring == "rgb(255, 255, 255) solid 3px"
    page.keyboard.press("Enter")
    expect(probe.locator(".rlkit-status")).to_contain_text("place x 3.5, y 3.5")
    expect(places.locator("button[aria-pressed='true']")).to_have_text("x 3.5, y 3.5")


def serious_findings(page) -> list[str]:
    """What axe-core finds in the panels that keeps somebody out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context={"include": [[".rlkit-panel"]]}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("where", ["lab/tree", "notebooks", "voila"])
def test_every_scrub_slider_moves_by_pointer_and_by_keyboard_and_a_place_is_probed(request, page, where):
    from playwright.sync_api import expect

    expect.set_options(timeout=120_000)
    if where == "voila":
        page.goto(request.getfixturevalue("sliders_app"))
    else:
        run_all_cells(page, request.getfixturevalue("lab")("sliders", where))

    agents, explorers = page.locator(".rlkit-scrub").nth(0), page.locator(".rlkit-scrub").nth(1)
    expect(agents.locator(".rlkit-words")).to_contain_text("CQL, data set few steps, alpha 0: return")
    watch(agents)
    use_a_scrub_slider(page, agents, "data-set", "data set few steps", "data set all steps")
    use_a_scrub_slider(page, agents, "alpha", "all steps, alpha 0:", "all steps, alpha 1:")
    assert len(sizes_of(agents)) == 1

    expect(explorers.locator(".rlkit-words")).to_contain_text("RND, rnd_weight 0, epsilon 0.1, steps 50: ")
    watch(explorers)
    use_a_scrub_slider(page, explorers, "rnd_weight", "rnd_weight 0,", "rnd_weight 1,")
    use_a_scrub_slider(page, explorers, "epsilon", "epsilon 0.1,", "epsilon 0.5,")
    use_a_scrub_slider(page, explorers, "steps", "steps 50:", "steps 150:")
    assert len(sizes_of(explorers)) == 1
    play = explorers.locator(".widget-play")
    by_keyboard(page, explorers.locator(".rlkit-scrub-steps"), "Home")
    expect(explorers.locator(".rlkit-words")).to_contain_text("steps 50:")
    play.get_by_role("button").first.click()
    expect(explorers.locator(".rlkit-words")).to_contain_text("steps 150:")
    page.emulate_media(reduced_motion="reduce")
    expect(play).to_be_hidden()
    page.emulate_media(reduced_motion="no-preference")

    probe = page.locator(".rlkit-probe")
    status, picture = probe.locator(".rlkit-status"), probe.locator(".rlkit-probe-picture img").first
    expect(status).to_contain_text("untrained; place x 0.5, y 0.5")
    for act, said in (
        (lambda: probe.get_by_role("button", name="x 5.5, y 2.5").click(), "untrained; place x 5.5, y 2.5"),
        (lambda: probe.get_by_role("button", name="x 4.5, y 1.5").press("Enter"), "untrained; place x 4.5, y 1.5"),
        (lambda: probe.locator("select").select_option("CQL"), "CQL; place x 4.5, y 1.5"),
        (lambda: probe.get_by_role("button", name="up", exact=True).click(), "of the value of up hangs on actions"),
    ):
        act()
        expect(status).to_contain_text(said)
        expect(picture).to_have_attribute("alt", re.compile(said))
    expect(probe.locator(".rlkit-runs")).to_contain_text("true Q of the policy")
    use_a_map_by_keyboard(page, probe)
    assert serious_findings(page) == []
    for still in page.locator(".rlkit-still, .jp-OutputArea-child:has(.rlkit-still) + * img").all():
        expect(still).to_be_hidden()  # they stand in for panels that are not there

    gallery = page.locator(".rlkit-gallery")
    caption, picture = gallery.locator(".rlkit-words"), gallery.locator(".rlkit-view img").first
    expect(caption).to_contain_text("CQL, alpha 0.03, dataset walked/medium-0.3: return")
    use_a_scrub_slider(page, gallery, "alpha", "CQL, alpha 0.03,", "CQL, alpha 10,")
    for field, chosen, said in (
        ("algorithm", "BC", "BC, dataset walked/medium-0.3: return"),
        ("maze", "hard", "BC, dataset"),
    ):
        shown = picture.get_attribute("src")
        gallery.locator(f".rlkit-{field} select").select_option(chosen)
        expect(caption).to_contain_text(said)
        expect(picture).not_to_have_attribute("src", shown)

    figure = page.get_by_alt_text("CQL, data set few steps, alpha 0: return")
    assert figure.evaluate("image => [image.naturalWidth, image.width]") == [1400, 900]

    expect(page.locator('[data-mime-type="application/vnd.jupyter.error"]')).to_have_count(0)
    expect(page.get_by_text("javascript error")).to_have_count(0)


def test_a_notebook_of_somebody_else_shows_its_figures_in_words_too(lab, page):
    """Before it is run, a notebook from elsewhere is not trusted, and what it shows is cleaned."""
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 1400, "height": 9000})
    page.goto(lab("start"))
    page.wait_for_function(KERNEL_IS_IDLE)
    figure = page.get_by_alt_text(re.compile("The truth: value and best action"))
    expect(figure).to_be_visible(timeout=120_000)
    assert figure.evaluate("image => image.naturalWidth") == 1400


def use_the_playground(page, datasets):
    """What a learner does in the playground, by pointer and by keyboard; the training goes on at its end."""
    from playwright.sync_api import expect

    live, painter, probe = (page.locator(f".rlkit-{name}") for name in ("live", "painter", "probe"))
    status, picture = live.locator(".rlkit-status"), live.locator(".rlkit-live-picture img").first

    def type_into(field, value):
        box = live.locator(f".rlkit-field-{field} input[type=number]")
        box.fill(value)
        box.press("Enter")

    expect(probe.locator(".rlkit-status")).to_contain_text("nothing trained")

    # A bad value is one line, and trains nothing
    type_into("learning-rate", "-1")
    live.locator(".rlkit-train").click()
    expect(status.locator("[role=alert]")).to_contain_text("Error: learning_rate is -1; expected a finite number")
    expect(live.locator(".rlkit-stop")).to_be_disabled()

    # So are a training that ends in infinity, and a data set that was cut short
    type_into("learning-rate", "1e30")
    live.locator(".rlkit-train").click()
    expect(status.locator("[role=alert]")).to_contain_text("diverged before update")
    type_into("learning-rate", "0.001")
    file = datasets / "pointmass" / "hard-rnd-v0" / "data" / "main_data.hdf5"
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    live.locator(".rlkit-data select").select_option("hard-rnd")
    live.locator(".rlkit-train").click()
    expect(status.locator("[role=alert]")).to_contain_text("is damaged")
    file.write_bytes(whole)

    # A painted data set: a waypoint by pointer, another by keyboard
    before = painter.locator(".rlkit-painter-picture img").first.get_attribute("src")
    words = painter.locator(".rlkit-status").inner_text()
    painter.get_by_role("button", name="x 5.5, y 2.5").click()
    expect(painter.locator(".rlkit-status")).not_to_have_text(words)
    expect(painter.locator(".rlkit-painter-picture img").first).not_to_have_attribute("src", before)
    words = painter.locator(".rlkit-status").inner_text()
    painter.get_by_role("button", name="x 3.5, y 3.5").focus()
    page.keyboard.press("Enter")
    expect(painter.locator(".rlkit-status")).not_to_have_text(words)

    # Its noise, by keyboard and by pointer
    noise = painter.locator(".rlkit-field-noise")
    for move, to, value in ((by_keyboard, "Home", "0"), (by_pointer, 1.0, "1")):
        shown = painter.locator(".rlkit-painter-picture img").first.get_attribute("src")
        move(page, noise, to)
        expect(noise.locator("input[type=number]")).to_have_value(value)
        expect(painter.locator(".rlkit-painter-picture img").first).not_to_have_attribute("src", shown)

    # Training: the picture changes again and again, until it is stopped; then it is pinned
    by_pointer(page, live.locator(".rlkit-field-learning-rate"), 1.0)
    expect(live.locator(".rlkit-field-learning-rate input[type=number]")).to_have_value("1")
    type_into("learning-rate", "0.001")
    by_keyboard(page, live.locator(".rlkit-field-updates"), "End")  # 20,000: it still trains when Stop is pressed
    expect(live.locator(".rlkit-field-updates input[type=number]")).to_have_value("20000")
    painter.get_by_role("button", name="Train on it").click()
    expect(picture).to_be_visible()
    for _ in range(3):
        shown = picture.get_attribute("src")
        expect(picture).not_to_have_attribute("src", shown)
    expect(status).to_contain_text("of 20,000 updates")
    expect(picture).to_have_attribute("alt", "What the median seed believes and does")
    yield "it trains"
    expect(live.locator(".rlkit-stop")).to_be_enabled()
    live.locator(".rlkit-stop").click()
    expect(status).to_contain_text("Stopped. DQN")
    expect(live.locator(".rlkit-stop")).to_be_disabled()
    expect(live.locator(".rlkit-runs")).to_contain_text("painted")
    live.locator(".rlkit-pin").click()
    expect(status).to_contain_text("Pinned as run 1: DQN")
    live.locator(".rlkit-copy").click()
    expect(live.locator(".rlkit-code")).to_contain_text("agent = DQN(seeds=4)")

    # The probe looks at that run
    expect(probe.locator(".rlkit-status")).to_contain_text("DQN on painted")
    probe.get_by_role("button", name="x 5.5, y 2.5").click()
    expect(probe.locator(".rlkit-status")).to_contain_text("place x 5.5, y 2.5")
    probe.get_by_role("button", name="x 4.5, y 1.5").press("Enter")
    expect(probe.locator(".rlkit-status")).to_contain_text("place x 4.5, y 1.5")
    expect(probe.locator(".rlkit-runs")).to_contain_text("believed Q")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory, chromium):
    """JupyterLab with a copy of the committed notebooks."""
    root = tmp_path_factory.mktemp("shelf")
    for notebook in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(notebook, root)
    with jupyterlab(root) as address_of:
        yield root, address_of


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
def test_a_committed_notebook_opens_unmodified_and_is_saved_to_the_same_bytes(shelf, page, name):
    root, address_of = shelf
    page.goto(address_of(name))
    page.wait_for_function(KERNEL_IS_IDLE)
    page.wait_for_timeout(2000)  # whatever JupyterLab adds, it adds once the kernel has said what it is
    assert not page.evaluate("jupyterapp.shell.currentWidget.context.model.dirty")
    page.evaluate("jupyterapp.shell.currentWidget.context.save()")
    assert (root / f"{name}.ipynb").read_bytes() == (NOTEBOOKS / f"{name}.ipynb").read_bytes()
    page.evaluate("jupyterapp.commands.execute('kernelmenu:shutdown')")


def test_the_playground_in_jupyterlab_while_the_kernel_does_other_things(lab, page, datasets):
    from playwright.sync_api import expect

    expect.set_options(timeout=120_000)
    run_all_cells(page, lab("playground"))
    for _ in use_the_playground(page, datasets):
        assert page.evaluate(RUN_IN_KERNEL, "assert trainer.training.running") == "ok"
    expect(page.locator('[data-mime-type="application/vnd.jupyter.error"]')).to_have_count(0)
    page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()")
    page.wait_for_function(IS_TOLD)


def test_the_playground_as_an_app_shows_no_code_and_keeps_its_visitors_apart(app, page, datasets):
    from playwright.sync_api import expect

    expect.set_options(timeout=120_000)
    page.goto(app)
    other = page.context.browser.new_page()
    other.goto(app, timeout=120_000)
    for _ in use_the_playground(page, datasets):
        expect(other.locator(".rlkit-live .rlkit-status")).to_have_text("Choose, then press Train.")
    expect(other.locator(".rlkit-live .rlkit-pin")).to_be_disabled()
    expect(page.get_by_text(re.compile("from rlkit_workbook import"))).to_have_count(0)
    expect(page.get_by_text("javascript error")).to_have_count(0)
