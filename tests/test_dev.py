"""dev.py starts on a machine that has next to nothing, says what it lacks, and costs no time once it is set up."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dev

if TYPE_CHECKING:
    from collections.abc import Iterator

FAKE_HOST = """
import os, signal, sys, time
if "--wait" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    print("waiting", flush=True)
    time.sleep(60)
print(sys.argv[1:], sys.prefix, os.environ["PYTHONUTF8"])
sys.exit(3)
"""


def run_dev(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  - our own command
        [sys.executable, "dev.py", *arguments], cwd=repository, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of dev.py in a repository that needs no packages and whose host prints its arguments and ends with 3."""
    repository = tmp_path_factory.mktemp("fresh")
    shutil.copy(dev.__file__, repository)
    for name in ("requirements.in", "requirements-dev.txt", "constraints.txt"):
        (repository / name).touch()
    (repository / "local" / "host").mkdir(parents=True)
    (repository / "local" / "host" / "__main__.py").write_text(FAKE_HOST, encoding="utf-8")
    return repository


@pytest.fixture(scope="module")
def prepared(fresh: Path) -> Path:
    assert "Preparing .venv" in run_dev(fresh, "host").stderr
    return fresh


def test_the_command_runs_in_a_venv_of_its_own_and_its_exit_code_counts(prepared: Path) -> None:
    done = run_dev(prepared, "host", "--port", "5", "-h")
    assert done.stdout.strip() == f"{['--port', '5', '-h']} {prepared / '.venv'} 1"
    assert done.returncode == 3


def test_a_second_start_prepares_nothing(prepared: Path) -> None:
    assert run_dev(prepared, "host").stderr == ""


def test_changed_requirements_are_installed(prepared: Path) -> None:
    with (prepared / "constraints.txt").open("a", encoding="utf-8") as constraints:
        constraints.write("# changed\n")
    assert "Preparing .venv" in run_dev(prepared, "host").stderr
    assert run_dev(prepared, "host").stderr == ""


@pytest.mark.parametrize("damage", ["interpreter gone", "half made"])
def test_a_damaged_venv_is_made_anew(prepared: Path, damage: str) -> None:
    left_over = prepared / ".venv" / "left-over"
    left_over.touch()
    if damage == "half made":
        (prepared / ".venv" / ".stamp").write_text(dev.UNFINISHED)
    else:
        shutil.rmtree(prepared / ".venv" / ("Scripts" if os.name == "nt" else "bin"))
    done = run_dev(prepared, "host")
    assert "Preparing .venv" in done.stderr
    assert done.returncode == 3
    assert not left_over.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_a_request_to_stop_reaches_the_command(prepared: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "dev.py", "host", "--wait"], cwd=prepared, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 7


def test_a_failed_installation_is_not_taken_for_done(fresh: Path, tmp_path: Path) -> None:
    repository = tmp_path / "other"
    shutil.copytree(fresh, repository, ignore=shutil.ignore_patterns(".venv"))
    (repository / "requirements-dev.txt").write_text("-r no-such-file.txt\n", encoding="utf-8")
    left_over = repository / ".venv" / "left-over"
    for _ in range(2):
        done = run_dev(repository, "host")
        assert done.returncode == 2
        assert "no-such-file.txt" in done.stderr
        assert not left_over.exists()  # what an interrupted installation leaves is not built upon
        left_over.touch()


# -- finding Python 3.13 ----------------------------------------------------------------------------------------------


def fake(folder: Path, name: str, program: str) -> list[str]:
    """A command that, asked to run a program, runs the given one instead."""
    script = folder / name
    script.write_text(program, encoding="utf-8")
    return [sys.executable, str(script)]


def test_the_first_that_really_runs_3_13_is_taken(tmp_path: Path) -> None:
    this = f"import subprocess, sys; sys.exit(subprocess.call([{sys.executable!r}, *sys.argv[1:]]))"
    missing = [str(tmp_path / "python3.13")]
    refusing = fake(tmp_path, "shim", "import sys; sys.exit('pyenv: version 3.13 is not installed')")
    older = fake(tmp_path, "older", f"import sys; sys.version_info = (3, 12, 4); {'exec(sys.argv[2])'}")
    no_ensurepip = fake(tmp_path, "debian", "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[2])")
    good = fake(tmp_path, "good", this)
    assert dev.find_python([missing, refusing, older, no_ensurepip, good, [sys.executable]]) == good


def test_candidates_on_path_and_of_version_managers_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def executable(place: str) -> str:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
        return str(path)

    suffix = ".exe" if os.name == "nt" else ""
    first, second = executable(f"first/python3{suffix}"), executable(f"second/python3{suffix}")
    exact = executable(f"second/python3.13{suffix}")
    pyenv = executable("pyenv/versions/3.13.5/bin/python")
    executable("pyenv/versions/3.12.1/bin/python")
    pyenv_win = executable("home/.pyenv/pyenv-win/versions/3.13.2/python.exe")
    uv = executable("home/.local/share/uv/python/cpython-3.13.1-linux/bin/python3.13")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / folder) for folder in ("first", "second")))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(dev.Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(dev.sys, "version_info", (3, 12, 0))
    ours = [command for command in dev.candidates() if command[0].startswith(str(tmp_path))]
    assert ours == [[exact], [first], [second], [pyenv], [pyenv_win], [uv]]


def test_this_python_comes_first_if_it_is_3_13() -> None:
    (first, *_) = dev.candidates()
    assert dev.find_python([first]) == first
    assert ".venv" not in first[0]


def test_the_windows_launcher_is_asked_for_3_13(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = tmp_path / ("py.exe" if os.name == "nt" else "py")
    launcher.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [str(launcher), "-3.13"] in list(dev.candidates())


def test_without_python_3_13_one_sentence_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(dev, "candidates", lambda: iter([[str(tmp_path / "python3")]]))
    assert dev.main(["host"]) == 2
    (_, sentence) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("No Python 3.13 found: install it from ")


def test_dev_py_is_readable_for_python_3_9() -> None:
    source = Path(dev.__file__)
    ast.parse(source.read_text(encoding="utf-8"), feature_version=(3, 9))
    for old_python in Path.home().glob(".pyenv/versions/3.9*/bin/python"):
        help_text = subprocess.check_output([old_python, source, "--help"], text=True)  # noqa: S603  - our own command
        assert "  demo " in help_text


# -- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def this_python(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run commands with the Python of the tests, and give the signals back afterwards."""
    monkeypatch.setattr(dev, "prepare_venv", lambda: Path(sys.executable))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("this_python")
def test_every_check_runs_and_one_failure_is_enough(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    checks = (
        ("bad", ("-c", "import sys; print('the reason'); sys.exit(3)")),
        ("good", ("-c", "print('not worth showing')")),
    )
    command = dev.Command("", ("-c", "import sys; print('last with', sys.argv[1:])"), checks)
    monkeypatch.setitem(dev.COMMANDS, "try", command)
    assert dev.main(["try", "-k", "x"]) == 1
    shown = capfd.readouterr().out.splitlines()
    assert shown[:3] == ["== bad", "the reason", "== good"]
    assert shown[3].endswith("(failed before: bad)")
    assert shown[4:] == ["last with ['-k', 'x']"]


@pytest.mark.usefixtures("this_python")
@pytest.mark.parametrize(("last", "code"), [("pass", 0), ("raise SystemExit(5)", 5)])
def test_the_last_step_decides_if_the_checks_pass(monkeypatch: pytest.MonkeyPatch, last: str, code: int) -> None:
    monkeypatch.setitem(dev.COMMANDS, "try", dev.Command("", ("-c", last), (("good", ("-c", "pass")),)))
    assert dev.main(["try"]) == code


def test_every_command_has_its_module() -> None:
    for name, command in dev.COMMANDS.items():
        if name != "test":
            package = Path(dev.__file__).parent / command.arguments[1].replace(".", "/")
            assert (package / "__main__.py").is_file() or package.with_suffix(".py").is_file()


def test_help_and_mistakes_list_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(["--help"]) == 0
    assert dev.main([]) == 2
    assert dev.main(["tset"]) == 2
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert all(f"  {name} " in text for name in dev.COMMANDS)
    assert "There is no command 'tset'." in shown.err


# -- npm --------------------------------------------------------------------------------------------------------------


def test_without_npm_the_tests_that_need_it_are_left_out_but_not_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    dev.prepare_npm(dev.FROM_NPM[0])
    assert "left out" in capsys.readouterr().err
    monkeypatch.setenv("CI", "true")
    with pytest.raises(dev.MissingToolError, match="install Node"):
        dev.prepare_npm(dev.FROM_NPM[0])


@pytest.mark.parametrize("folder", dev.FROM_NPM, ids=str)
def test_the_lock_files_name_no_registry_and_check_every_package(folder: Path) -> None:
    lock = (folder / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')
