"""The doctor finds what is missing, and says what to do about it."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata

import pytest
import torch

from minigpt import SPINNING
from minigpt.cli import doctor
from minigpt.cli.doctor import bad, count_cores, good, lower_bound, note


def findings(check, *arguments):
    return [(finding.mark, finding.text) for finding in check(*arguments)]


def only(check, *arguments):
    [finding] = findings(check, *arguments)
    return finding


@pytest.fixture
def course(monkeypatch, tmp_path, trained, prepared):
    """A course folder of its own, all in order, which tests may spoil."""
    data, checkpoints = tmp_path / "data", tmp_path / "checkpoints"
    shutil.copytree(prepared, data)
    for name in "fables.txt", "tales.toml":
        (data / name).write_text("A fable.", encoding="utf-8")
    checkpoints.mkdir()
    shutil.copy(trained, checkpoints / "tales.pt")
    shutil.copy(trained, checkpoints / "model_final.pt")
    monkeypatch.setattr(doctor, "ASSETS", tmp_path)
    monkeypatch.setattr(doctor, "TEXTS", data)
    monkeypatch.setattr(doctor, "HOME", tmp_path)
    monkeypatch.setattr(doctor, "DATA", data)
    monkeypatch.setattr(doctor, "CHECKPOINTS", checkpoints)
    monkeypatch.setattr(doctor, "SHIPPED_CHECKPOINT", checkpoints / "tales.pt")
    return tmp_path


def test_one_line_for_each_finding(minigpt, monkeypatch):
    checks = [
        lambda: iter([good("Python 3.13")]),
        lambda: iter([note("no text: prepare one"), good("cheese")]),
    ]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    result = minigpt("doctor")
    assert result.status == 0 and result.err == ""
    assert result.out == "✓ Python 3.13\n○ no text: prepare one\n✓ cheese\n"


def test_one_failure_is_a_failure(minigpt, monkeypatch):
    checks = [lambda: iter([bad("no crow: call one")]), lambda: iter([good("fox")])]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    result = minigpt("doctor")
    assert result.status == 1
    assert result.out == "✗ no crow: call one\n✓ fox\n"


def test_a_check_that_breaks_does_not_stop_the_others(minigpt, monkeypatch):
    def check_torch():
        yield good("torch is installed")
        raise ImportError("libtorch.so:\n cannot open")

    monkeypatch.setattr(doctor, "CHECKS", [check_torch, lambda: iter([good("fox")])])
    result = minigpt("doctor")
    assert result.status == 1
    lines = result.out.splitlines()
    assert lines[-1] == "✓ fox" and all(line[0] in "✓✗○" for line in lines)
    assert "✗ check torch fails: ImportError: libtorch.so: cannot open" in lines


def test_a_course_in_order(course, minigpt):
    result = minigpt("doctor")
    assert result.err == ""
    lines = result.out.splitlines()
    assert all(line[0] in "✓✗○" and line[1] == " " for line in lines)
    for text in "Python 3", "course in", "torch 2", "prepared text", "shipped model":
        assert any(line.startswith(f"✓ {text}") for line in lines), result.out
    assert result.status == ("✗" in result.out)


def test_old_python(monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (4, 0))
    mark, text = only(doctor.check_python)
    assert mark == "✗" and "install Python 4.0 or newer" in text


@pytest.mark.parametrize(
    ("version", "mark"),
    [("2.8.1", "✗"), ("2.9.0", "✓"), ("2.13.0+cpu", "✓"), ("2.10rc1", "✓")],
)
def test_versions_are_compared_as_numbers(monkeypatch, version, mark):
    monkeypatch.setattr(metadata, "version", lambda name: version)
    monkeypatch.setattr(metadata, "requires", lambda name: ["torch>=2.9", "tqdm>=4"])
    finding = doctor.check_package("torch")
    found, text = finding.mark, finding.text
    assert found == mark and version in text
    if mark == "✗":
        assert "pip install -U 'torch>=2.9'" in text


def test_the_lower_bounds_are_those_that_are_declared():
    assert all(
        lower_bound(name) != "0" for name in ("torch", "jupyterlab", "ipykernel")
    )
    assert lower_bound("no-such-package") == "0"


def test_a_kernel_too_old_for_the_panels(monkeypatch):
    real = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: "6.31" if name == "ipykernel" else real(name)
    )
    bad_ones = [text for mark, text in findings(doctor.check_notebooks) if mark == "✗"]
    assert len(bad_ones) == 1
    assert "Stop buttons" in bad_ones[0] and "'ipykernel>=7" in bad_ones[0]


COLAB = {"ipywidgets": "7.7.1", "ipykernel": "6.17.1", "matplotlib": "3.10.0"}
COLAB |= {"anywidget": "0.9.21"}


def test_what_colab_has_is_enough_there_and_nowhere_else(monkeypatch):
    def version(name):
        if name in COLAB:
            return COLAB[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    marks = {text.split()[0]: mark for mark, text in findings(doctor.check_notebooks)}
    assert marks["jupyterlab"] == marks["ipywidgets"] == marks["ipykernel"] == "✗"

    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    *good_ones, (mark, text) = findings(doctor.check_notebooks)
    assert {mark for mark, _ in good_ones} == {"✓"}
    assert mark == "✗" and text.endswith("pip install 'jupyter-ui-poll>=1.1'")


def test_what_is_not_installed(monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    for mark, text in findings(doctor.check_notebooks):
        assert mark == "✗" and "is not installed: python -m pip install" in text


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """Make the kernel python3 one that is run by this command."""
    pytest.importorskip("jupyter_client")

    def make(command):
        folder = tmp_path / "kernels" / "python3"
        folder.mkdir(parents=True)
        spec = {"argv": [command, "-m", "ipykernel_launcher"], "display_name": "P"}
        (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    return make


def test_a_kernel_of_this_python(kernel):
    kernel(sys.executable)
    assert only(doctor.check_kernel) == ("✓", f"kernel python3 ({sys.executable})")


def test_a_kernel_of_any_python_is_this_one(kernel):
    kernel("python")
    assert only(doctor.check_kernel) == ("✓", f"kernel python3 ({sys.executable})")


def test_a_kernel_of_a_python_that_is_gone(kernel):
    kernel("/gone/bin/python")
    mark, text = only(doctor.check_kernel)
    assert mark == "✗" and "/gone/bin/python, which does not exist" in text
    assert text.endswith("python -m ipykernel install --sys-prefix")


@pytest.mark.parametrize("knows", [True, False])
def test_a_kernel_of_another_python(kernel, monkeypatch, knows):
    other = shutil.which("sh")
    if other is None:
        pytest.skip("there is no other program to be taken for a Python")
    kernel(other)
    monkeypatch.setattr(doctor, "_has_minigpt", lambda python: knows)
    mark, text = only(doctor.check_kernel)
    assert mark == ("✓" if knows else "✗") and other in text
    assert knows or "where minigpt is not installed" in text


def test_a_python_is_asked_whether_it_knows_the_package():
    assert doctor._has_minigpt(sys.executable)
    assert shutil.which("false") is None or not doctor._has_minigpt("false")


def test_data(course):
    mark, text = only(doctor.check_data)
    assert mark == "✓" and "prepared text" in text
    (course / "data" / "vocab.json").write_text("{}", encoding="utf-8")
    mark, text = only(doctor.check_data)
    assert mark == "✗" and "minigpt prepare" in text
    (course / "data" / "train.bin").unlink()
    mark, text = only(doctor.check_data)
    assert (mark, text) == ("○", "no text has been prepared yet: run 'minigpt prepare'")


def test_models(course):
    assert [mark for mark, _ in findings(doctor.check_models)] == ["✓", "✓"]
    (course / "checkpoints" / "tales.pt").write_bytes(b"")
    (course / "checkpoints" / "model_final.pt").unlink()
    (mark, text), own = findings(doctor.check_models)
    assert mark == "✗" and "install minigpt again, or run 'git checkout" in text
    assert own == ("○", "no model of your own yet: run 'minigpt train'")
    (course / "checkpoints" / "model_final.pt").write_bytes(b"junk")
    _, (mark, text) = findings(doctor.check_models)
    assert mark == "✗" and "delete it" in text


@pytest.mark.parametrize("name", ["fables.txt", "tales.toml"])
def test_no_course(course, name):
    assert only(doctor.check_course) == ("✓", f"course in {course}")
    (course / "data" / name).unlink()
    mark, text = only(doctor.check_course)
    assert mark == "✗" and "install minigpt again, or run 'git checkout" in text


def test_an_installed_package_and_a_folder_elsewhere(course, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "HOME", tmp_path / "mine")
    marks, texts = zip(*findings(doctor.check_course), strict=True)
    assert marks == ("✓", "✓")
    assert texts[1] == f"your data and models go to {tmp_path / 'mine'}"


def test_folders(course, monkeypatch):
    assert [mark for mark, _ in findings(doctor.check_folders)] == ["✓", "✓"]
    assert not any("tmp" in path.name for path in course.rglob("*"))
    monkeypatch.setattr(doctor, "DATA", course / "not" / "yet")
    assert [mark for mark, _ in findings(doctor.check_folders)] == ["✓", "✓"]
    assert not (course / "not").exists()
    monkeypatch.setattr(doctor, "DATA", course / "data" / "fables.txt")
    monkeypatch.setattr(doctor, "CHECKPOINTS", course / "data" / "fables.txt" / "x")
    for mark, text in findings(doctor.check_folders):
        assert mark == "✗" and "make it writable, or use --data-dir" in text


@pytest.mark.parametrize(
    ("threads", "cores", "limited", "mark", "remedy"),
    [
        (2, 2, False, "✓", ""),
        (8, 2, False, "○", "set OMP_NUM_THREADS=2"),
        (1, 2, True, "○", "unset OMP_NUM_THREADS"),
        (4, 8, False, "✓", ""),
    ],
)
def test_threads(monkeypatch, threads, cores, limited, mark, remedy):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(doctor, "count_cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if limited:
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
    (found, text), (_, spinning) = findings(doctor.check_threads)
    assert found == mark and remedy in text
    assert text.startswith(f"PyTorch threads: {threads}, cores: {cores}")
    assert "spin" in spinning


@pytest.mark.parametrize(
    ("platform", "name", "usual"),
    [
        ("linux", "GOMP_SPINCOUNT", "100000"),
        ("darwin", "KMP_BLOCKTIME", "1"),
        ("win32", "KMP_BLOCKTIME", "1"),
    ],
)
def test_how_long_threads_spin(monkeypatch, platform, name, usual):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("GOMP_SPINCOUNT", "another")
    monkeypatch.setenv("KMP_BLOCKTIME", "another")
    monkeypatch.setenv(name, usual)
    found = doctor.check_spinning()
    assert found.mark == "✓" and f"{name}={usual}" in found.text
    monkeypatch.setenv(name, "7")
    found = doctor.check_spinning()
    assert found.mark == "○" and f"you have set {name}=7" in found.text
    assert f"minigpt's {usual}" in found.text
    monkeypatch.delenv(name)
    found = doctor.check_spinning()
    assert found.mark == "○" and found.text.startswith(f"{name} is not set")


def test_minigpt_says_how_long_to_spin_unless_told_otherwise():
    code = "import os, minigpt; print(*(os.environ[n] for n in minigpt.SPINNING))"
    usual = {n: v for n, v in os.environ.items() if n not in SPINNING}
    for own, out in ({}, "100000 1"), ({"GOMP_SPINCOUNT": "5"}, "5 1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=usual | own, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == out


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", None), ("100000 100000", 1), ("50000 100000", 1)],
)
def test_a_container_may_allow_fewer_cores(tmp_path, quota, cores):
    file = tmp_path / "cpu.max"
    everything = count_cores(file)
    file.write_text(f"{quota}\n", encoding="utf-8")
    assert count_cores(file) == (cores or everything)
