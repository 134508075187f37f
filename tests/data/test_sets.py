"""The committed data sets as Minari itself reads them, what makes them possible runs, and damaged or foreign files."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys

import gymnasium as gym
import h5py
import minari
import numpy as np
import pytest
import torch
from helpers import as_others, homeless
from minari.data_collector import EpisodeBuffer

from rlkit_mini import MAZES, Oracle, explore, load_dataset
from rlkit_mini.agents import RandomAgent
from rlkit_mini.data.sets import COURSE, dataset_path, list_datasets, save_dataset
from rlkit_mini.evaluation import Rollouts
from rlkit_mini.names import UnknownNameError

STEPS = {
    "pointmass/easy-random-v0": 10_000,
    "pointmass/easy-rnd-v0": 10_000,
    "pointmass/medium-random-v0": 10_000,
    "pointmass/medium-rnd-v0": 10_000,
    "pointmass/medium-rnd-1000-v0": 1_000,
    "pointmass/medium-rnd-5000-v0": 5_000,
    "pointmass/medium-rnd-10000-v0": 10_000,
    "pointmass/medium-rnd-20000-v0": 20_000,
    "pointmass/medium-near-expert-v0": 1_000,
    "pointmass/medium-lazy-v0": 2_000,
    "pointmass/hard-random-v0": 10_000,
    "pointmass/hard-rnd-v0": 10_000,
    "pointmass/hard-near-expert-v0": 2_000,
}
CARTPOLE = {"cartpole/noisy-v0": 5_000, "cartpole/random-v0": 10_000}
COLUMNS = ["observations", "actions", "rewards", "next_observations", "terminations", "truncations"]
each_dataset = pytest.mark.parametrize("dataset_id", STEPS)


def maze_of(dataset_id):
    return MAZES[dataset_id.split("/")[1].split("-")[0]]


def assert_same_steps(one, other):
    for column in COLUMNS:
        assert torch.equal(getattr(one, column), getattr(other, column)), column


# The committed sets -------------------------------------------------------------------------------------------------


def test_the_committed_sets_are_those_of_the_course_and_small():
    assert {*STEPS, *CARTPOLE} == set(list_datasets(COURSE)) <= set(list_datasets())
    files = [path for path in COURSE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15e6


@each_dataset
def test_minari_reads_the_same_transitions(dataset_id, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(COURSE))  # where Minari itself looks
    ours, position = load_dataset(dataset_id), 0
    for episode in minari.load_dataset(dataset_id).iterate_episodes():
        length = len(episode.actions)
        assert len(episode.observations) == length + 1
        mine = ours[position : position + length]
        assert mine.observations.numpy().tobytes() == episode.observations[:-1].tobytes()
        assert mine.next_observations.numpy().tobytes() == episode.observations[1:].tobytes()
        for column in ("actions", "rewards", "terminations", "truncations"):
            assert getattr(mine, column).tolist() == getattr(episode, column).tolist()
        position += length
    assert position == len(ours) == STEPS[dataset_id]
    assert ours.maze is maze_of(dataset_id)
    kinds = [torch.float32, torch.int64, torch.float32, torch.float32, torch.bool, torch.bool]
    assert [getattr(ours, column).dtype for column in COLUMNS] == kinds


@each_dataset
def test_every_transition_is_possible(dataset_id):
    data, maze = load_dataset(dataset_id), maze_of(dataset_id)
    ends = data.next_observations.double().numpy() * maze.shape
    distance = np.hypot(*(ends - maze.goal).T)
    clear = np.abs(distance - maze.goal_radius) > 1e-5  # single precision
    assert clear.mean() > 0.999
    assert (data.terminations.numpy() == (distance < maze.goal_radius))[clear].all()
    assert data.rewards.tolist() == [0.0 if ended else -1.0 for ended in data.terminations.tolist()]
    assert ((data.actions >= 0) & (data.actions < 5)).all()
    for position in (data.observations.double().numpy() * maze.shape, ends):
        around = [position + np.array([dx, dy]) for dx in (-1e-5, 1e-5) for dy in (-1e-5, 1e-5)]
        cells = [np.clip(np.floor(place), 0, np.array(maze.shape) - 1).astype(int) for place in around]
        assert (~np.array([maze.walls[tuple(cell.T)] for cell in cells])).any(axis=0).all()
    vectors = np.array([[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]])[data.actions]
    noise = (ends - data.observations.double().numpy() * maze.shape - vectors) / 0.5
    free = np.abs(noise) < 0.01 + np.abs(vectors) / 0.5 + 5  # five standard deviations, or held back by a wall
    assert free.all()


@each_dataset
def test_every_episode_is_one(dataset_id):
    data, maze = load_dataset(dataset_id), maze_of(dataset_id)
    *finished, last = data.episodes
    assert sum(map(len, data.episodes)) == len(data)
    for episode in (*finished, last):
        np.testing.assert_allclose(episode.observations[0], np.divide(maze.start, maze.shape), rtol=1e-6)
        assert torch.equal(episode.observations[1:], episode.next_observations[:-1])
        assert not (episode.terminations | episode.truncations)[:-1].any()
        assert not (episode.terminations & episode.truncations).any()
        assert len(episode) <= maze.horizon
        assert episode.terminations[-1] or episode.truncations[-1]
    assert all(episode.terminations[-1] or len(episode) == maze.horizon for episode in finished)


@pytest.mark.parametrize("dataset_id", CARTPOLE)
def test_every_step_of_the_cart_is_gymnasiums(dataset_id):
    data, cart = load_dataset(dataset_id), gym.make("CartPole-v1").unwrapped
    assert len(data) == CARTPOLE[dataset_id]
    for step in range(0, len(data), 7):
        cart.reset()
        cart.state = data.observations[step].double().numpy()
        following, reward, terminated, _, _ = cart.step(int(data.actions[step]))
        np.testing.assert_allclose(following, data.next_observations[step], atol=1e-6)
        assert (reward, terminated) == (data.rewards[step], data.terminations[step])
    longest = max(map(len, data.episodes))
    assert longest <= 500
    assert all(len(episode) == 500 for episode in data.episodes[:-1] if episode.truncations[-1])


def test_the_smaller_sets_are_the_beginnings_of_the_largest():
    largest = load_dataset("pointmass/medium-rnd-20000-v0")
    for dataset_id in ("rnd-1000", "rnd-5000", "rnd-10000", "rnd"):
        data = load_dataset(f"pointmass/medium-{dataset_id}-v0")
        data.truncations[-1] = largest.truncations[len(data) - 1]  # there the collection ended
        assert_same_steps(data, largest[: len(data)])


@each_dataset
def test_the_metadata_say_how_the_set_was_made(dataset_id):
    data, maze = minari.MinariDataset(dataset_path(dataset_id)), maze_of(dataset_id)
    metadata = data.storage.metadata
    for key in ("algorithm_name", "author", "author_email", "code_permalink", "description", "requirements"):
        assert metadata[key], key
    assert (COURSE.parent / metadata["code_permalink"]).is_file()
    assert metadata["dataset_id"] == dataset_id
    assert metadata["total_steps"] == STEPS[dataset_id]
    assert f"{STEPS[dataset_id]:,} steps in the {maze.name} maze, seed 0" in metadata["description"]
    for spec in (json.loads(metadata["env_spec"]), json.loads(metadata["eval_env_spec"])):
        assert (spec["id"], spec["max_episode_steps"]) == (maze.env_id, maze.horizon)
    oracle = Oracle(maze)
    scores = (metadata["ref_min_score"], metadata["ref_max_score"])
    np.testing.assert_allclose(scores, (oracle.random_return, oracle.optimal_return), rtol=0.02)
    assert isinstance(data.recover_environment(), gym.Env)


@each_dataset
def test_every_hdf5_since_version_1_10_reads_the_file(dataset_id):
    """By the versions that HDF5's specification of its file format gives them; of booleans 2.0 writes version 5."""
    content = (dataset_path(dataset_id) / "main_data.hdf5").read_bytes()
    assert content[:8] == b"\x89HDF\r\n\x1a\n"
    assert content[8] <= 3  # the superblock's version
    names = [match.start() for match in re.finditer(b"FALSE\0TRUE\0", content)]
    assert len(names) >= 2  # terminations, truncations
    for place in names:  # class and version, 7 bytes of size and members, 12 of the integers below, then the names
        assert content[place - 20] & 0x0F == 8  # an enumeration
        assert content[place - 20] >> 4 <= 3


@pytest.mark.parametrize("name", ["easy", "medium", "hard"])
def test_the_random_sets_can_be_collected_again(name):
    (again,) = explore(RandomAgent(), MAZES[name], 500, progress=False)
    assert_same_steps(again, load_dataset(f"pointmass/{name}-random-v0")[:500])


@pytest.mark.parametrize(("name", "share"), [("medium", 0.1), ("hard", 0.3)])
def test_the_near_expert_sets_are_mostly_optimal(name, share):
    data, oracle = load_dataset(f"pointmass/{name}-near-expert-v0"), Oracle(MAZES[name])
    optimal = oracle.optimal_q.argmax(axis=1)[oracle.sub_cells(data.observations)]
    assert (optimal == data.actions.numpy()).mean() == pytest.approx(1 - 0.8 * share, abs=0.06)


def test_the_lazy_set_mostly_stays():
    actions = load_dataset("pointmass/medium-lazy-v0").actions.numpy()
    assert (actions == 0).mean() == pytest.approx(0.6, abs=0.05)


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/easy-rnd-v0")


# Saving -------------------------------------------------------------------------------------------------------------


ID = "pointmass/mine-v0"


def save(data, dataset_id=ID, **options):
    save_dataset(dataset_id, data, algorithm="test", description="a test", reference_returns=(-50.0, -13.5), **options)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    return tmp_path / "sets"


def test_a_saved_set_comes_back(data, root):
    save(data[:120])
    loaded = load_dataset(ID)
    assert loaded.truncations[-1]  # the unfinished episode was cut
    loaded.truncations[-1] = data.truncations[119]
    assert_same_steps(loaded, data[:120])
    assert list_datasets(root) == [ID]
    assert minari.load_dataset(ID).total_steps == 120  # in Minari's own place
    assert set(minari.list_local_datasets()) == {ID}
    assert os.environ["MINARI_DATASETS_PATH"] == str(root)
    assert sorted(path.name for path in root.rglob("*")) == sorted(
        ["pointmass", "namespace_metadata.json", "mine-v0", "data", "main_data.hdf5", "metadata.json"]
    )


def test_a_set_is_only_overwritten_when_asked(data, root):
    save(data[:120])
    with pytest.raises(FileExistsError, match=f"{ID} is there already; pass overwrite=True"):
        save(data[:60])
    assert len(load_dataset(ID)) == 120
    save(data[:60], overwrite=True)
    assert len(load_dataset(ID)) == 60


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failing_write_leaves_everything_as_it_was(data, root, monkeypatch, overwrite):
    if overwrite:
        save(data[:120])
    before = sorted(path for path in root.rglob("*") if path.is_file())

    def full_disk(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("rlkit_mini.data.sets._repack", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save(data[:60], overwrite=overwrite)
    assert sorted(path for path in root.rglob("*") if path.is_file()) == before
    assert list_datasets(root) == ([ID] if overwrite else [])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where Minari keeps data sets, if nobody says otherwise."""
    monkeypatch.delenv("MINARI_DATASETS_PATH", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".minari" / "datasets"


def test_the_readers_own_sets_are_found_beside_the_courses(data, home, tmp_path, monkeypatch):
    assert list_datasets() == sorted([*STEPS, *CARTPOLE])
    assert not home.parent.exists()  # looking leaves nothing behind
    save(data[:60])
    assert minari.load_dataset(ID).total_steps == len(load_dataset(ID)) == 60
    assert list_datasets() == sorted([ID, *STEPS, *CARTPOLE])
    assert list_datasets(home) == [ID]
    save(data[:30], "pointmass/other-v0", folder=tmp_path / "elsewhere")
    assert "pointmass/other-v0" not in list_datasets()
    assert len(load_dataset("pointmass/other-v0", tmp_path / "elsewhere")) == 30
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "elsewhere"))
    assert list_datasets() == sorted([ID, "pointmass/other-v0", *STEPS, *CARTPOLE])


def test_of_two_sets_with_one_id_that_of_the_variable_comes_first_and_minaris_default_last(
    data, home, tmp_path, monkeypatch
):
    save(data[:60], "pointmass/easy-rnd-v0", folder=home)
    save(data[:30], "pointmass/easy-rnd-v0", folder=tmp_path / "asked for")
    assert len(load_dataset("pointmass/easy-rnd-v0")) == 10_000
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "asked for"))
    assert len(load_dataset("pointmass/easy-rnd-v0")) == 30
    with pytest.raises(UnknownNameError, match=r"unknown data set 'pointmass/easy-rnd-v0'; there is none at all"):
        load_dataset("pointmass/easy-rnd-v0", tmp_path / "nowhere")


@pytest.mark.parametrize("said", ["", "sets", "~/sets"])
def test_the_variable_may_be_empty_relative_or_begin_at_home(said, data, home, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MINARI_DATASETS_PATH", said)
    save(data[:60])
    assert len(load_dataset(ID)) == 60
    where = {"": home, "sets": tmp_path / "here" / "sets", "~/sets": tmp_path / "sets"}[said]
    assert [path.parents[2] for path in tmp_path.rglob("main_data.hdf5")] == [where / "pointmass"]
    with pytest.raises(UnknownNameError) as caught:
        load_dataset("pointmass/nine-v0")
    assert all(str(place.relative_to(tmp_path)) in str(caught.value) for place in {where, home} if said != "sets")


def test_without_a_home_the_courses_sets_are_found_and_saving_says_what_is_missing(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINARI_DATASETS_PATH", raising=False)
    homeless(monkeypatch)
    assert list_datasets() == sorted([*STEPS, *CARTPOLE])
    with pytest.raises(FileNotFoundError, match="no home folder for data sets; expected MINARI_DATASETS_PATH, or a f"):
        save(data[:60])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_id_of_the_course_is_not_taken(data, root, overwrite):
    with pytest.raises(FileExistsError, match="easy-rnd-v0 is one of the course's; expected another id, or a folder"):
        save(data[:60], "pointmass/easy-rnd-v0", overwrite=overwrite)
    assert not root.exists()


def test_nothing_is_not_saved(data, root):
    with pytest.raises(ValueError, match=f"{ID} would be empty; expected at least one transition"):
        save(data[:0])


# What is missing, damaged or foreign --------------------------------------------------------------------------------


def test_a_missing_set_is_answered_with_the_closest_names_and_where_they_were_looked_for(home):
    with pytest.raises(UnknownNameError) as caught:
        load_dataset("pointmass/medium-rmd-v0")
    message = str(caught.value)
    assert message.startswith("unknown data set 'pointmass/medium-rmd-v0'; did you mean 'pointmass/medium-rnd-v0'")
    assert message.endswith(f"; looked in {COURSE} and {home}")
    assert "\n" not in message


def test_an_empty_folder_says_so(tmp_path):
    with pytest.raises(UnknownNameError, match=f"there is none at all; looked in {tmp_path}$"):
        load_dataset("pointmass/medium-rnd-v0", tmp_path)


@pytest.mark.parametrize("closed", ["data/main_data.hdf5", "data/metadata.json", "data", ".", "..", "../.."])
def test_what_must_not_be_read_is_no_damage(closed, data, root):
    """As the user of the machine for whom it is closed; nobody closes a file to root."""
    save(data[:60])
    place = (root / ID / closed).resolve()
    place.chmod(0)
    code = f"from rlkit_mini import load_dataset\nload_dataset({ID!r})"
    try:
        done = subprocess.run([sys.executable, "-c", code], preexec_fn=as_others, capture_output=True, text=True)
    finally:
        place.chmod(0o700)
    told = done.stderr.splitlines()[-1]
    assert re.match(r"PermissionError: \[Errno 13\] Permission denied: '.*/(metadata.json|main_data.hdf5)'", told), told


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOLCK, errno.ESTALE])
def test_what_the_system_cannot_read_is_told_by_its_own_reason(number, data, root, monkeypatch):
    save(data[:60])

    def refuse(*_):
        raise OSError(number, "as HDF5 words it\nin many lines")

    monkeypatch.setattr("rlkit_mini.data.sets.h5py.File", refuse)
    with pytest.raises(OSError, match=re.escape(os.strerror(number))) as caught:
        load_dataset(ID)
    assert caught.value.errno == number
    assert caught.value.filename == str(root / ID / "data" / "main_data.hdf5")


def edited(path, **entries):
    """Metadata with these entries instead; None takes one away."""
    metadata = json.loads(path.read_text()) | entries
    path.write_text(json.dumps({key: value for key, value in metadata.items() if value is not None}))


def respecified(**entries):
    def damage(folder):
        metadata = json.loads((folder / "metadata.json").read_text())
        edited(folder / "metadata.json", env_spec=json.dumps(json.loads(metadata["env_spec"]) | entries))

    return damage


def with_column(column, change):
    def damage(folder):
        with h5py.File(folder / "main_data.hdf5", "a") as file:
            values = file["episode_0"][column][()]
            del file["episode_0"][column]
            file["episode_0"][column] = change(values)

    return damage


def absurd(path):
    """Actions that claim a tebibyte and have none of it on the disk."""
    with h5py.File(path, "a") as file:
        del file["episode_0"]["actions"]
        file["episode_0"].create_dataset("actions", shape=(2**37,), dtype=np.int64, chunks=(1000,))


DAMAGES = {
    "another maze": respecified(kwargs={"maze": "medium"}),
    "no maze": respecified(kwargs={"maze": "midium"}),
    "no data": lambda folder: (folder / "main_data.hdf5").unlink(),
    "empty data": lambda folder: (folder / "main_data.hdf5").write_bytes(b""),
    "text for data": lambda folder: (folder / "main_data.hdf5").write_text("not a data set"),
    "truncated data": lambda folder: (folder / "main_data.hdf5").write_bytes(
        (folder / "main_data.hdf5").read_bytes()[:-500]
    ),
    "other data": lambda folder: h5py.File(folder / "main_data.hdf5", "w").close(),
    "too few observations": with_column("observations", lambda values: values[:-1]),
    "three coordinates": with_column("observations", lambda values: np.ones((len(values), 3))),
    "observations outside": with_column("observations", lambda values: values + 1),
    "observations nan": with_column("observations", lambda values: values * np.nan),
    "actions outside": with_column("actions", lambda values: values + 3),
    "negative actions": with_column("actions", lambda values: values - 1),
    "an absurd shape": lambda folder: absurd(folder / "main_data.hdf5"),
    "an episode less": lambda folder: edited(folder / "metadata.json", total_episodes=10**12),
    "empty metadata": lambda folder: (folder / "metadata.json").write_text(""),
    "truncated metadata": lambda folder: (folder / "metadata.json").write_text(
        (folder / "metadata.json").read_text()[:-50]
    ),
    "deep metadata": lambda folder: (folder / "metadata.json").write_text("[" * 200_000),
    "other metadata": lambda folder: (folder / "metadata.json").write_text("[1, 2]"),
    "another Minari": lambda folder: edited(folder / "metadata.json", minari_version="99.0"),
}


@pytest.mark.parametrize("ours", [True, False], ids=["with a checksum", "without one"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_set_is_refused_in_one_line(data, root, damage, ours):
    save(data[:120])
    if not ours:
        edited(root / ID / "data" / "metadata.json", sha256=None)
    DAMAGES[damage](root / ID / "data")
    with pytest.raises(ValueError, match="damaged") as caught:
        load_dataset(ID)
    message = str(caught.value)
    assert str(root / ID) in message
    assert message.endswith("; collect it again")
    assert "\n" not in message


def test_a_set_that_plain_minari_wrote_is_read_though_it_has_no_checksum(data, root):
    episodes = [episode for episode in data.episodes if episode.terminations[-1] or episode.truncations[-1]][:2]
    buffers = [
        EpisodeBuffer(
            observations=np.concatenate([episode.observations, episode.next_observations[-1:]]),
            actions=episode.actions.numpy(),
            rewards=episode.rewards.numpy(),
            terminations=episode.terminations.numpy(),
            truncations=episode.truncations.numpy(),
        )
        for episode in episodes
    ]
    facts = {"algorithm_name": "a", "author": "a", "author_email": "a", "code_permalink": "a", "description": "a"}
    facts |= {"ref_min_score": -1.0, "ref_max_score": 0.0, "requirements": ["rlkit_mini"]}
    minari.create_dataset_from_buffers(ID, buffers, env=data.maze.env_id, eval_env=data.maze.env_id, **facts)
    assert "sha256" not in json.loads((root / ID / "data" / "metadata.json").read_text())
    assert_same_steps(load_dataset(ID), data[: sum(map(len, episodes))])


WRAPPER = {"name": "Trap", "entry_point": "trap_module:make", "kwargs": {}}


SPECIFICATIONS = [
    {"entry_point": "trap_module:make"},
    {"entry_point": "trap_module:make", "id": "Trap-v0"},
    {"id": "trap_module:Trap-v0"},
    {"entry_point": "rlkit_mini.pointmass:gym"},
    {"additional_wrappers": [WRAPPER]},
]


@pytest.mark.parametrize("specification", SPECIFICATIONS)
@pytest.mark.parametrize("spaces", ["kept", "removed"])
def test_no_code_that_a_set_names_is_imported(data, root, tmp_path, monkeypatch, specification, spaces):
    save(data[:120])
    (tmp_path / "trap_module.py").write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'marker')!r}).touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    respecified(**specification)(root / ID / "data")
    if spaces == "removed":  # then Minari itself makes the environment to ask for its spaces
        edited(root / ID / "data" / "metadata.json", observation_space=None, action_space=None)
        with pytest.raises(ValueError, match=r"is damaged.*observation_space"):
            load_dataset(ID)
    else:
        loaded = load_dataset(ID)
        if loaded.maze is not MAZES["easy"]:
            with pytest.raises(ValueError, match="is not known to Gymnasium here"):
                Rollouts(loaded.maze).evaluate(RandomAgent().policy)
    assert "trap_module" not in sys.modules
    assert not (tmp_path / "marker").exists()


def test_a_renamed_folder_is_read_under_its_new_name(data, root):
    save(data[:120])
    shutil.move(root / ID, root / "pointmass" / "other-v0")
    assert len(load_dataset("pointmass/other-v0")) == 120
