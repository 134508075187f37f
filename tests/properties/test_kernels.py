"""Notebooks in a real kernel: interrupted, restarted, two at once, and widgets whose callbacks fail."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from jupyter_client.manager import start_new_kernel

START = """
import torch
torch.set_num_threads(1)
from rlkit_mini import MAZES, Oracle, explore, fine_tune, load_dataset, train_offline
from rlkit_mini.agents import DQN, RND
from rlkit_workbook.exercises import exercise, progress
data = load_dataset("pointmass/easy-random-v0")[:1000]
"""


class Notebook:
    """Cells run in a kernel of their own: the text they show, and the error they end with."""

    def __init__(self, folder):
        environment = os.environ | {"OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / "ipython")}
        self.manager, self.client = start_new_kernel(cwd=str(folder), env=environment, startup_timeout=120)

    def send(self, code):
        self.shown, self.error = "", None
        return self.client.execute(code)

    def wait(self, number, until=None, seconds=120):
        """Collect what a cell shows, until it has ended or shows something that is waited for."""
        ends = time.monotonic() + seconds
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, ends - time.monotonic()))
            if message["parent_header"].get("msg_id") != number:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                self.shown += content["text"]
            elif message["msg_type"] in ("display_data", "execute_result"):
                self.shown += content["data"].get("text/plain", "")
            elif message["msg_type"] == "error":
                self.error = content
            if content.get("execution_state") == "idle" or (until and until in self.shown):
                return self.shown

    def run(self, code):
        self.wait(self.send(code))
        return self.shown

    def restart(self):
        self.manager.restart_kernel(now=True)
        self.client.wait_for_ready(timeout=120)

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook(tmp_path):
    notebook = Notebook(tmp_path)
    notebook.run(START)
    assert notebook.error is None, notebook.error
    yield notebook
    notebook.close()


CELLS = {  # what is interrupted, and how much of it is kept
    "offline": ("train_offline(agent, data, 100_000, evaluations=50_000, on_evaluation=told)", "len(result.updates)"),
    "online": (
        "fine_tune(agent, data, MAZES['easy'], 9, 50_000, evaluations=9_000, on_evaluation=told)",
        "result.updates[-1]",
    ),
    "exploring": ("explore(agent, MAZES['easy'], 1_000_000)", "len(result[0])"),
}


@pytest.mark.parametrize("cell", CELLS)
def test_interrupting_a_cell_keeps_what_was_learnt_and_the_kernel_goes_on(notebook, cell):
    call, kept = CELLS[cell]
    notebook.run(f"agent = {'RND' if cell == 'exploring' else 'DQN'}()\nbefore = agent.q_values(data.observations)")
    notebook.run("def told(history):\n    if len(history.updates) == 3: print('it learns')")
    number = notebook.send(f"print('begins')\nresult = {call}")
    notebook.wait(number, until="begins" if cell == "exploring" else "it learns")
    time.sleep(2 if cell == "exploring" else 0)
    notebook.manager.interrupt_kernel()
    notebook.wait(number)
    assert notebook.error is None
    assert "interrupted" in notebook.shown
    assert int(notebook.run(f"print({kept})")) >= 3
    assert notebook.run("print(bool((agent.q_values(data.observations) != before).any()))") == "True\n"
    notebook.run("train_offline(DQN(), data, 5, progress=False)")
    assert notebook.error is None


def test_a_restart_goes_on_where_the_learner_was(notebook):
    answer = (
        "@exercise\ndef td_target(rewards, terminations, next_values, discount):\n"
        "    return rewards + discount * (1 - terminations) * next_values"
    )
    notebook.run(answer)
    assert notebook.error is None
    notebook.restart()
    notebook.run("td_target")
    assert notebook.error["ename"] == "NameError"
    notebook.run(START)
    notebook.run("progress()")
    assert re.search(r"td_target\s+✓ right", notebook.shown), notebook.shown


def test_widgets_survive_an_exception_in_their_callbacks(notebook):
    notebook.run(
        "from rlkit_workbook.widgets import live_trainer, data_painter, probe\n"
        "trainer = live_trainer(seeds=1, updates=20); painter = data_painter(trainer); probe(trainer)\n"
        "trainer.on_end.append(lambda run: 1 / 0)\n"
        "trainer.buttons['Train'].click(); trainer.training.join(60)"
    )
    assert notebook.error is None
    notebook.run(
        "trainer.on_end.pop(); trainer.fields['updates'].number.value = 40\n"
        "trainer.buttons['Train'].click(); trainer.training.join(60); print(trainer.status.words)"
    )
    assert "40 of 40 updates" in notebook.shown
    notebook.run(
        "import rlkit_workbook.widgets.painting as module\n"
        "sound, module.draw_painting = module.draw_painting, lambda *_: 1 / 0\n"
        "painter.place((5.5, 2.5))"
    )
    notebook.run("module.draw_painting = sound; painter.place((2.5, 0.5)); print(painter.status.words)")
    assert "steps in 20 episodes" in notebook.shown


PANELS = {
    "scrub": "view = scrub(sweep)\nview",
    "scrub, shown only": "scrub(sweep, setting={'alpha': 1})",
    "live trainer": "trainer = live_trainer(seeds=1, updates=20_000)\ntrainer.buttons['Train'].click()\ntrainer",
    "painter and probe": "painter, looked = data_painter(trainer), probe(trainer)\nlooked",
    "quiz": "quiz('05')",
    "prediction": "predict('alpha_large')",
}
ENDED = """
import threading
trainer.stop()
for thread in threading.enumerate():
    if "_work" in thread.name:
        thread.join(60)
"""
HELD = """
import gc, threading
from IPython import get_ipython
from ipywidgets.widgets import widget
from matplotlib.figure import Figure
gc.collect()
figures = sum(isinstance(each, Figure) for each in gc.get_objects())
print("held", len(widget._instances), len(get_ipython().kernel.comm_manager.comms), threading.active_count(), figures)
"""


@pytest.mark.slow
def test_a_cell_that_is_run_again_gives_back_what_it_held_and_ends_what_it_began(notebook):
    notebook.run(
        "from rlkit_mini.agents import CQL\nfrom rlkit_workbook.sweeps import Sweep\n"
        "from rlkit_workbook import data_painter, live_trainer, predict, probe, quiz, scrub\n"
        "oracle = Oracle(data.maze)\nagent = CQL(alpha=[0, 1])\n"
        "sweep = Sweep.of(agent, train_offline(agent, data, 4, oracle, evaluations=2, progress=False), oracle)"
    )
    assert notebook.error is None, notebook.error
    notebook.run(PANELS["live trainer"])
    for panel, code in PANELS.items():
        held = []
        for _ in range(2):
            for _ in range(3):
                notebook.run(code)
                assert notebook.error is None, (panel, notebook.error)
            notebook.run(ENDED)
            held.append(
                [int(number) for number in re.search(r"held (\d+) (\d+) (\d+) (\d+)", notebook.run(HELD)).groups()]
            )
        assert all(later <= earlier for earlier, later in zip(*held, strict=True)), (panel, held)
    notebook.run("trainer.close()\ntrainer.training.join(60)\nprint(trainer.training.running)")
    assert notebook.shown == "False\n"


def test_panels_of_one_run_of_a_cell_stand_side_by_side(notebook):
    notebook.run("from rlkit_workbook import predict\nboth = [predict('alpha_large') for _ in range(2)]")
    assert notebook.run("print([panel.comm is not None for panel in both])") == "[True, True]\n"
    notebook.run("other = predict('alpha_large')")
    assert notebook.run("print([panel.comm is not None for panel in both])") == "[True, True]\n"


RECORDS = """
import sys
from rlkit_workbook.exercises import progress_file
for number in range(60):
    progress_file.record("exercises", f"{sys.argv[1]} {number}", "right")
"""


def test_two_notebooks_at_once_lose_nothing_of_the_progress(tmp_path):
    environment = os.environ | {"RLKIT_MINI_PROGRESS": str(tmp_path / "progress.json")}
    both = [subprocess.Popen([sys.executable, "-c", RECORDS, name], env=environment) for name in ("one", "other")]
    assert [process.wait(120) for process in both] == [0, 0]
    noted = json.loads((tmp_path / "progress.json").read_text())
    assert set(noted) == {f"{name} {number}" for name in ("one", "other") for number in range(60)}


DRAWS = """
import sys
from pathlib import Path
from rlkit_mini import MAZES, Oracle
from rlkit_mini.plots.style import Picture, save_figure
figure = Picture(figsize=(4, 3))
figure.add_subplot().plot([1, int(sys.argv[1])])
for _ in range(10):
    save_figure(figure, "same", sys.argv[2])
    for path in Path(sys.argv[3]).glob("oracle-*.npz"):
        path.unlink(missing_ok=True)
    assert Oracle(MAZES["easy"], resolution=1).optimal_return < -10
"""


def test_two_notebooks_at_once_leave_whole_figures_and_caches(tmp_path):
    from PIL import Image

    environment = os.environ | {"RLKIT_MINI_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", DRAWS]
    both = [subprocess.Popen([*command, n, str(tmp_path), str(tmp_path / "cache")], env=environment) for n in "12"]
    while any(process.poll() is None for process in both):
        if (tmp_path / "same.png").exists():
            Image.open(tmp_path / "same.png").load()
        time.sleep(0.02)
    assert [process.returncode for process in both] == [0, 0]
