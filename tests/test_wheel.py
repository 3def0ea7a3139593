"""The package works from a wheel, far from the repository, which stays as it was."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import notebook_tools as tools
import pytest

ROOT = Path(__file__).resolve().parent.parent
ASSETS = (
    "data/fables.txt",
    "data/fables.ru.txt",
    "data/tales.toml",
    "data/episode.json",
    "checkpoints/tales.pt",
)
LATER = [*tools.COURSE[1:], *tools.BEYOND]


def run(*words: object, folder: Path, site: Path | None = None):
    """Run Python in a folder, with the package that is installed in `site`."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("MINIGPT_HOME", None)
    if site is not None:
        paths = [str(site), os.environ["PYTHONPATH"]]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def pip(*words: object, folder: Path) -> None:
    quiet = "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"
    done = run("-m", "pip", words[0], *quiet, *words[1:], folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, with a learner's own files lying about in it."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tools.copy_course(
        source, "pyproject.toml", "README.md", "LICENSE", "data/README.md"
    )
    (source / "data" / "input.txt").write_text("Private.", encoding="utf-8")
    (source / "checkpoints" / "model_final.pt").write_bytes(b"private")
    pip("wheel", "--no-build-isolation", "-w", folder, source, folder=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """A folder that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--target", folder, wheel, folder=folder)
    return folder


@pytest.fixture
def unchanged_site(site):
    """The same; the test fails if it leaves anything there."""
    before = contents(site)
    yield site
    assert contents(site) == before


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def empty(tmp_path) -> Path:
    folder = tmp_path / "пустая папка (1)"
    folder.mkdir()
    return folder


def test_the_wheel_has_the_package_its_page_texts_model_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {p.relative_to(ROOT).as_posix() for p in ROOT.glob("minigpt/**/*.py")}
    pages = [
        *ROOT.glob("minigpt/web/*"),
        *ROOT.glob("minigpt/course/site/templates/**/*"),
    ]
    web = {p.relative_to(ROOT).as_posix() for p in pages if p.is_file()}
    assert found == sources | web | {f"minigpt/assets/{name}" for name in ASSETS}


def test_the_installed_texts_and_model_are_those_of_the_repository(site):
    for name in ASSETS:
        installed = site / "minigpt" / "assets" / name
        assert installed.read_bytes() == (ROOT / name).read_bytes()


def test_every_command_works_in_an_empty_folder(unchanged_site, empty):
    def minigpt(*words):
        done = run("-m", "minigpt", *words, folder=empty, site=unchanged_site)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    shipped = unchanged_site / "minigpt" / "assets" / "checkpoints" / "tales.pt"
    done = minigpt("generate", "--prompt", "The fox", "--length", 20)
    assert done.stdout.startswith("The fox") and len(done.stdout) > 28
    assert done.stderr.startswith(f"model: {shipped} (it comes with the course")
    assert contents(empty) == {}

    doctor = minigpt("doctor").stdout
    assert f"✓ course in {shipped.parent.parent}" in doctor
    assert f"✓ your data and models go to {empty}" in doctor
    assert f"✓ {empty / 'data'} can be written" in doctor
    assert "✗" not in doctor and "pip install" not in doctor
    assert contents(empty) == {}

    assert "\n\nMoral: " in minigpt("tales").stdout
    assert contents(empty) == {}

    assert minigpt("publish", shipped, empty / "play.html").stdout
    assert contents(empty).keys() == {"play.html"}
    (empty / "play.html").unlink()

    assert "assets/data/fables.ru.txt" in minigpt("prepare", "fables-ru").stdout
    assert "assets/data/tales.toml" in minigpt("prepare").stdout
    minigpt("train", "--preset", "tiny", "--max-iters", 2, "--quiet")
    done = minigpt("generate", "--prompt", "The fox", "--length", 20)
    assert done.stderr == f"model: {empty / 'checkpoints' / 'model_final.pt'}\n"
    assert set(contents(empty)) == {
        "data/train.bin", "data/val.bin", "data/vocab.json",
        "checkpoints/model_final.pt",
    }  # fmt: skip
    doctor = minigpt("doctor").stdout
    assert "✓ prepared text" in doctor and "✓ your model" in doctor


@pytest.mark.parametrize(
    "name",
    [
        tools.COURSE[0],
        *(pytest.param(name, marks=pytest.mark.thorough) for name in LATER),
    ],
)
@pytest.mark.timeout(900)
def test_a_lesson_copied_elsewhere(unchanged_site, empty, name):
    how = "--nbval"
    shutil.copy(tools.path_of(name), empty)
    if name.startswith("06"):
        how = "--nbval-lax"  # it has learned less
        lesson = empty / tools.path_of(name).name
        text = lesson.read_text(encoding="utf-8")
        shorter = '"trainer.minutes.value = 0.3; trainer.train()"'
        assert text.count('"trainer.train()"') == 1
        lesson.write_text(text.replace('"trainer.train()"', shorter), encoding="utf-8")
    words = "-m", "pytest", "-q", "-p", "no:cacheprovider", how, "--nbval-current-env"
    done = run(*words, tools.path_of(name).name, folder=empty, site=unchanged_site)
    assert done.returncode == 0, done.stdout[-4000:]
