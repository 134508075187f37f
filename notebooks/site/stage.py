"""Lay the site's pages out for Sphinx: python stage.py RUN_NOTEBOOKS, into `build/pages` and what lies beside them.

A widget stays where the browser alone can move it: where something in it is linked to what it shows. Its state becomes
a script that the page asks for once it is there, and every picture a file of its own.
"""

import base64
import copy
import hashlib
import html
import json
import re
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
PAGES, EXTRA, STATIC, NPM = (ROOT / "build" / name for name in ("pages", "extra", "static", "npm"))
CONTENTS = """
```{toctree}
:hidden:
:caption: Chapters
:glob:

notebooks/*_*
```

```{toctree}
:hidden:
:caption: Reference

rlkit_mini/README
datasets/README
figures/RESULTS
figures/BENCH
notebooks/INSTRUCTORS
CONTRIBUTING
```
"""
MODULES = """
```{toctree}
:hidden:
:glob:

/reference/*
```
"""
TEXTS = {  # the repository's pages that become the site's, and what stands below them
    "README.md": CONTENTS,
    "CONTRIBUTING.md": "",
    "datasets/README.md": "",
    "figures/BENCH.md": "",
    "figures/RESULTS.md": "",
    "notebooks/INSTRUCTORS.md": "",
    "rlkit_mini/README.md": MODULES,
}
SCRIPTS = {  # in npm's packages -> in the site's `_static`
    "jupyter-widgets-html-manager/dist/embed-amd.js": "widgets/embed-amd.js",
    "requirejs/require.js": "widgets/require.js",
    "fortawesome-fontawesome-free/css/fontawesome.min.css": "icons/css/fontawesome.min.css",
    "fortawesome-fontawesome-free/css/solid.min.css": "icons/css/solid.min.css",
    "fortawesome-fontawesome-free/webfonts/fa-solid-900.woff2": "icons/webfonts/fa-solid-900.woff2",
    "mathjax/es5/tex-chtml.js": "mathjax/tex-chtml.js",
    "mathjax/es5/output/chtml/fonts/woff-v2": "mathjax/output/chtml/fonts/woff-v2",
}
VIEW, STATE = "application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"
ABOVE = '<p class="open-notebook"><a href="{0}" download>Open this notebook</a> in JupyterLab to run and change it.</p>'
STILL = '<p class="rlkit-still" style="white-space:pre-line">{0}</p>'
EXERCISE = '<p class="in-jupyterlab">Solve it in JupyterLab: <a href="{0}" download>open this notebook</a>.</p>'


# Notebooks


def picture_file(png: str) -> str:
    """A picture (base64) as a file beside the notebooks' pages: its address from there."""
    content = base64.b64decode(png)
    name = f"pictures/{hashlib.sha256(content).hexdigest()[:20]}.png"
    path = EXTRA / "notebooks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def with_files(text: str, attributes: str = "") -> str:
    """HTML whose pictures are files, each with further attributes."""
    found = re.compile('src="data:image/png;base64,([^"]+)"')
    return found.sub(lambda picture: f'{attributes}src="{picture_file(picture[1])}"', text)


def held_by(models: dict, root: str) -> set[str]:
    """The widget `root` and all that it holds, by their names among the models."""
    found, new = set(), {root} & models.keys()
    while new:
        found |= new
        held = (re.findall(r"IPY_MODEL_(\w+)", json.dumps(models[name]["state"])) for name in new)
        new = {name for names in held for name in names if name in models} - found
    return found


def ends_of(models: dict, link: str) -> set[str]:
    """The two widgets that a link joins, by their names."""
    return {models[link]["state"][end][0].removeprefix("IPY_MODEL_") for end in ("source", "target")}


def moved_by(models: dict, root: str) -> set[str]:
    """The links, by their names, that move the widget `root` in the browser."""
    within = held_by(models, root)
    links = {name for name, model in models.items() if model["model_name"] in ("LinkModel", "DirectionalLinkModel")}
    return {link for link in links if ends_of(models, link) & within}


def shown_by_link(models: dict, root: str) -> bool:
    """Whether a link chooses which child of a stack in the widget is seen, so that a browser alone can."""
    return any(models[link]["state"]["target"][1] == "selected_index" for link in moved_by(models, root))


def write_widgets(models: dict, moving: set[str], path: Path) -> None:
    """The script that puts the state of what moves into a page; what would ask a kernel is disabled."""
    kept = {name for root in moving for name in held_by(models, root)}
    links = {link for root in moving for link in moved_by(models, root)}
    linked = {end for link in links for end in ends_of(models, link)}
    kept |= {name for link in links for name in held_by(models, link)}
    for name in kept:
        state = models[name]["state"]
        if "disabled" in state and name not in linked:
            state["disabled"] = True
        if isinstance(state.get("value"), str):
            state["value"] = with_files(state["value"])
    state = json.dumps({"version_major": 2, "version_minor": 0, "state": {name: models[name] for name in sorted(kept)}})
    pictures = sorted(set(re.findall(r"pictures/\w+\.png", state)))
    path.write_text(
        f'document.head.append(Object.assign(document.createElement("script"), {{ type: "{STATE}", '
        f"textContent: {json.dumps(state)} }}));\nwindow.widgetPictures = {json.dumps(pictures)};\n"
    )


def stage_outputs(outputs: list, moving: set[str]) -> Iterator[dict]:
    """The outputs of a cell as its page shows them: a widget where it moves, else what stands in for it."""
    words = ""
    for output in outputs:
        data = output.get("data", {})
        if VIEW in data and data[VIEW]["model_id"] not in moving:
            if words:
                continue
            data["text/html"] = STILL.format(html.escape(data["text/plain"]))
            del data[VIEW]
        if "rlkit-still" in data.get("text/html", ""):
            words = data["text/plain"]
            data["text/html"] = data["text/html"].replace("Run this cell", "In JupyterLab, run this cell")
        if "image/png" in data:
            png = data.pop("image/png")
            data["text/html"] = (
                f'<img class="rlkit-still" alt="{html.escape(words)}" src="data:image/png;base64,{png}">'
            )
        if "text/html" in data:
            data["text/html"] = with_files(data["text/html"], 'loading="lazy" ')
        yield output


def views_in(cells: list) -> set[str]:
    """The widgets that cells show, by their names among the models."""
    data = (output.get("data", {}) for cell in cells for output in cell.outputs)
    return {each[VIEW]["model_id"] for each in data if VIEW in each}


def write_bare(notebook: dict, path: Path) -> None:
    """The notebook without outputs."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def stage_notebook(path: Path) -> None:
    """A notebook that was run: its page, its widgets, and itself for whoever wants to open it."""
    notebook = nbformat.read(path, as_version=4)
    models = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    write_bare(copy.deepcopy(notebook), EXTRA / "notebooks" / path.name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    moving = {root for root in views_in(code) if shown_by_link(models, root)}
    if moving:
        write_widgets(models, moving, EXTRA / "notebooks" / f"{path.stem}.widgets.js")
    for cell in code:
        cell.outputs = list(stage_outputs(cell.outputs, moving))
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata.tags = [*cell.metadata.get("tags", []), "hide-input"]
        if cell.source.startswith("@exercise"):
            cell.outputs.append(nbformat.v4.new_output("display_data", {"text/html": EXERCISE.format(path.name)}))
    title, _, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f"{title}\n\n{ABOVE.format(path.name)}\n{rest}"
    nbformat.write(notebook, PAGES / "notebooks" / path.name)


# Pages and the reference


def stage_link(page: Path, found: re.Match) -> str:
    """A link of a page: a module leads to the reference; a file that is no page comes along."""
    target = (page.parent / found[1]).resolve().relative_to(ROOT)
    module = ".".join(target.with_suffix("").parts)
    if (PAGES / "reference" / f"{module}.md").exists():
        return f"](/reference/{module}.md)"
    if str(target) == "README.md":
        return "](/index.md)"
    if str(target) not in TEXTS and target.suffix != ".ipynb":
        (PAGES / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / target, PAGES / target)
    return found[0]


def stage_text(name: str, below: str = "") -> None:
    """A page of the repository; the README is the site's first."""
    text = re.sub(r"\]\(([^)#:]+)\)", partial(stage_link, ROOT / name), (ROOT / name).read_text(encoding="utf-8"))
    target = PAGES / ("index.md" if name == "README.md" else name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + below, encoding="utf-8")


def stage_module(path: Path) -> None:
    """The page of a module, made from its docstrings."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    page = f"# {module.removeprefix('rlkit_mini.')}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n"
    if not module.endswith("__main__"):
        (PAGES / "reference" / f"{module}.md").write_text(page, encoding="utf-8")


def main() -> None:
    for folder in (PAGES, EXTRA, STATIC):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (PAGES / "notebooks", PAGES / "reference", EXTRA / "notebooks"):
        folder.mkdir(parents=True)
    for source, target in SCRIPTS.items():
        (STATIC / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (NPM / source).is_dir() else shutil.copy
        copy(NPM / source, STATIC / target)
    icons = EXTRA / "notebooks" / "@jupyter-widgets"  # where a page looks for the icons of its widgets
    icons.mkdir(parents=True, exist_ok=True)
    for font in (NPM / "jupyter-widgets-html-manager" / "dist").glob("*.woff2"):
        shutil.copy(font, icons)
    for path in map(Path, sys.argv[1:]):
        stage_notebook(path)
    for path in (ROOT / "rlkit_mini").rglob("*.py"):
        stage_module(path)
    for name, below in TEXTS.items():
        stage_text(name, below)


if __name__ == "__main__":
    main()
