"""Take the README's screenshots again: `python tests/screenshots.py`, about two minutes; look at them afterwards."""

import os
import shutil
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright
from servers import KERNEL_IS_IDLE, NOTEBOOKS, PLAYGROUND, jupyterlab, run_all_cells, voila

FIGURES, WAIT = NOTEBOOKS.parent / "figures", 120_000  # ms


def shoot(page, first, last, name: str) -> None:
    """What lies on the page from one element to another."""
    top, bottom = (page.locator(element).first.bounding_box() for element in (first, last))
    clip = {"x": top["x"] - 12, "y": top["y"], "width": 960, "height": bottom["y"] + bottom["height"] - top["y"]}
    page.screenshot(path=FIGURES / f"{name}.png", clip=clip)


def take_the_slider_and_the_probe(page) -> None:
    """Of notebook 05: the slider as its cells leave it; and what DQN believes where three actions were never tried."""
    page.wait_for_function(KERNEL_IS_IDLE)
    cell = page.locator(".jp-CodeCell:has(.rlkit-scrub-alpha)").first
    expect(cell.locator(".rlkit-scrub-picture")).to_be_visible()
    cell.screenshot(path=FIGURES / "slider_in_jupyterlab.png")
    probe = page.locator(".rlkit-probe")
    probe.locator("select").select_option("DQN")
    expect(probe.locator(".rlkit-status")).to_contain_text("DQN; place")
    probe.get_by_role("button", name="x 2.5, y 0.5").click()
    expect(probe.locator(".rlkit-status")).to_contain_text("place x 2.5, y 0.5: never tried there: stay, down, up")
    page.wait_for_function(KERNEL_IS_IDLE)
    probe.screenshot(path=FIGURES / "probe_in_jupyterlab.png")


def take_the_playground(page) -> None:
    """Of a detour, as its clone walks it, and as CQL, which leaves it out."""
    live, painter = page.locator(".rlkit-live"), page.locator(".rlkit-painter")
    status = live.locator(".rlkit-status")
    expect(painter.locator(".rlkit-status")).to_contain_text("episodes")
    painter.get_by_role("button", name="Clear").click()
    for x, y in ((5.5, 2.5), (2.5, 0.5)):
        words = painter.locator(".rlkit-status").inner_text()
        painter.get_by_role("button", name=f"x {x}, y {y}").click()
        expect(painter.locator(".rlkit-status")).not_to_have_text(words)
    live.locator(".rlkit-algorithm select").select_option("BC")
    expect(live.locator(".rlkit-field-alpha")).to_have_count(0)
    painter.get_by_role("button", name="Train on it").click()
    expect(status).to_contain_text("Done. BC")
    live.locator(".rlkit-pin").click()
    expect(status).to_contain_text("Pinned")
    live.locator(".rlkit-algorithm select").select_option("CQL")
    alpha = live.locator(".rlkit-field-alpha input[type=number]")
    alpha.fill("1")
    alpha.press("Enter")
    live.locator(".rlkit-train").click()
    expect(status).to_contain_text("Done. CQL, alpha 1")
    expect(live.locator(".rlkit-pin")).to_be_enabled()
    expect(live.locator(".rlkit-runs")).to_contain_text("now")
    shoot(page, "h2:has-text('Train, and watch')", ".rlkit-painter-picture", "playground")


def main() -> None:
    chromium = shutil.which("chromium") or sys.exit("Chromium is not installed (Debian: apt-get install chromium)")
    expect.set_options(timeout=WAIT)
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        os.environ |= {"RLKIT_MINI_FIGURES": root, "RLKIT_MINI_PROGRESS": os.path.join(root, "progress.json")}
        shutil.copy(NOTEBOOKS / "05_conservative_q_learning.ipynb", root)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 5000})
        page.set_default_timeout(WAIT)
        with voila(PLAYGROUND) as address:
            page.goto(address)
            take_the_playground(page)
        with jupyterlab(root) as address_of:
            run_all_cells(page, address_of("05_conservative_q_learning"))
            take_the_slider_and_the_probe(page)
        browser.close()


if __name__ == "__main__":
    main()
