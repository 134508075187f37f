"""Take the README's screenshots again: `python tests/screenshots.py`, about a minute; look at them afterwards."""

import os
import shutil
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright
from servers import KERNEL_IS_IDLE, NOTEBOOKS, jupyterlab, run_all_cells

FIGURES, WAIT = NOTEBOOKS.parent / "figures", 120_000  # ms


def take_the_slider_and_the_probe(page) -> None:
    """Of notebook 05: the slider as its cells leave it; and what DQN believes where three actions were never tried."""
    page.wait_for_function(KERNEL_IS_IDLE)
    cell = page.locator(".jp-CodeCell:has(.rlkit-scrub-alpha)").first
    expect(cell.locator(".rlkit-view")).to_be_visible()
    cell.screenshot(path=FIGURES / "slider_in_jupyterlab.png")
    probe = page.locator(".rlkit-probe")
    probe.locator("select").select_option("DQN")
    expect(probe.locator(".rlkit-status")).to_contain_text("DQN; place")
    probe.get_by_role("button", name="x 2.5, y 0.5").click()
    expect(probe.locator(".rlkit-status")).to_contain_text("place x 2.5, y 0.5: never tried there: stay, down, up")
    page.wait_for_function(KERNEL_IS_IDLE)
    probe.screenshot(path=FIGURES / "probe_in_jupyterlab.png")


def main() -> None:
    chromium = shutil.which("chromium") or sys.exit("Chromium is not installed (Debian: apt-get install chromium)")
    expect.set_options(timeout=WAIT)
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        os.environ |= {"RLKIT_MINI_FIGURES": root, "RLKIT_MINI_PROGRESS": os.path.join(root, "progress.json")}
        shutil.copy(NOTEBOOKS / "05_conservative_q_learning.ipynb", root)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 5000})
        page.set_default_timeout(WAIT)
        with jupyterlab(root) as address_of:
            run_all_cells(page, address_of("05_conservative_q_learning"))
            take_the_slider_and_the_probe(page)
        browser.close()


if __name__ == "__main__":
    main()
