// Names, values and keys for those who do not use a pointer, which ipywidgets leaves out. Runs once a panel.
(function furnish(image, tries) {
    const panel = image.closest(".rlkit-panel");
    if (!panel) { if (tries) requestAnimationFrame(() => furnish(image, tries - 1)); return; }
    if (panel.dataset.furnished) return;
    panel.dataset.furnished = "yes";
    const all = (selector, act) => panel.querySelectorAll(selector).forEach(act);
    const set = (element, name, value) => element && element.getAttribute(name) !== value && element.setAttribute(name, value);

    function name() {
        all(".widget-slider", slider => {
            const label = slider.querySelector(".widget-label"), handle = slider.querySelector(".noUi-handle");
            set(handle, "aria-label", (label.title || label.textContent).split(": ")[0]);
            set(handle, "aria-valuetext", slider.querySelector(".widget-readout").textContent);
        });
        all(".rlkit-runs .widget-html-content", table => {  // which may be wider than its place: arrow keys scroll it
            set(table, "tabindex", "0");
            set(table, "role", "group");
            set(table, "aria-label", "table");
        });
        all(".rlkit-words", words => set(words, "aria-live", "polite"));
        all(".widget-radio, .widget-toggle-buttons", group => {
            set(group, "role", group.matches(".widget-radio") ? "radiogroup" : "group");
            set(group, "aria-label", group.querySelector(".widget-label").textContent);
        });
        all(".widget-toggle-button", button => set(button, "aria-pressed", String(button.classList.contains("mod-active"))));
        all(".widget-play button", (button, at) => set(button, "aria-label", button.title || ["play", "stop"][at % 2]));
        all(".rlkit-places", places => {
            set(places, "role", "group");
            set(places, "aria-label", "places of the maze: arrow keys move, Enter chooses");
            const buttons = [...places.querySelectorAll("button")];
            const one = buttons.find(button => button.matches(":focus")) ||
                buttons.find(button => button.classList.contains("rlkit-chosen")) || buttons.find(button => button.tabIndex === 0) || buttons[0];
            for (const button of buttons) {
                set(button, "tabindex", button === one ? "0" : "-1");
                set(button, "aria-pressed", String(button.classList.contains("rlkit-chosen")));
            }
        });
        // Else JupyterLab and Notebook take keys, to go from cell to cell; Notebook does where an element around says so
        all("button, input, select, [tabindex]", control => set(control, "data-lm-suppress-shortcuts", "true"));
    }

    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    panel.addEventListener("keydown", event => {
        const from = event.target.closest(".rlkit-places button"), arrow = ARROWS[event.key];
        if (!from || !arrow) return;
        event.preventDefault();
        const middle = button => { const { x, y, width, height } = button.getBoundingClientRect(); return [x + width / 2, y + height / 2]; };
        const [x, y] = middle(from), [right, down] = arrow;
        let best = null, least = Infinity;  // the closest place that lies more in this direction than to its side
        for (const button of from.parentElement.querySelectorAll("button")) {
            const [there, below] = middle(button), along = (there - x) * right + (below - y) * down;
            const aside = Math.abs((there - x) * down) + Math.abs((below - y) * right);
            if (along > 1 && along >= aside && along + 2 * aside < least) { best = button; least = along + 2 * aside; }
        }
        if (best) { best.focus(); name(); }
    });

    name();
    const watched = { subtree: true, childList: true, characterData: true, attributeFilter: ["class", "aria-valuetext"] };
    new MutationObserver(name).observe(panel, watched);
})(this, 100)
