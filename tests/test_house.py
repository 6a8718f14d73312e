"""The rules of the house: style, types, direction of imports, and what no file may hold."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import ROOT

BIN = Path(sys.executable).parent
CHECKS = {
    "ruff finds nothing": ["ruff", "check", "."],
    "the code is formatted": ["ruff", "format", "--check", "."],
    "exchanges/ is typed strictly": ["mypy"],
    "imports point one way": ["lint-imports"],
}
LINES_MAX = 400
DRAWERS = {"utils", "util", "helpers", "common", "misc", "constants"}
# Spelled in parts, so that this file does not hold them itself.
REGISTRIES = re.compile(
    "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.org", "test\\.pyp" + "i"))
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
LEFT_FOR_LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
# Generated, with addresses in licence fields and descriptions of packages.
GENERATED = {"poetry.lock"}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The text of every file in the repository, by its path."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("not a git clone, or no git: its files cannot be listed")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]
    return {name: text for name in names if (text := text_of(ROOT / name)) is not None}


def text_of(path: Path) -> str | None:
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return None


@pytest.mark.parametrize("check", CHECKS)
def test_that(check):
    program, *arguments = CHECKS[check]
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_names_a_package_registry(files):
    assert [name for name, text in files.items() if REGISTRIES.search(text)] == []


def test_no_file_holds_a_path_of_somebodys_machine(files):
    assert [name for name, text in files.items() if name not in GENERATED and MACHINE_PATHS.search(text)] == []


def test_nothing_is_left_for_later(files):
    assert [name for name, text in files.items() if name.endswith((".py", ".js")) and LEFT_FOR_LATER.search(text)] == []


def test_no_module_is_too_long_to_read(files):
    assert [name for name, text in files.items() if name.endswith(".py") and text.count("\n") > LINES_MAX] == []


def test_no_module_is_a_drawer_for_everything(files):
    assert [name for name in files if Path(name).stem in DRAWERS] == []


def test_every_module_says_first_what_lives_there(files):
    modules = {name: text for name, text in files.items() if name.endswith(".py") and "/migrations/" not in name}
    assert [name for name, text in modules.items() if text.strip() and not ast.get_docstring(ast.parse(text))] == []


# What waits, sends, or looks at a clock, and the modules of exchanges/ that do.
IMPURE = {
    "asyncio",
    "socket",
    "time",
    "os",
    "random",
    "threading",
    "subprocess",
    "httpx",
    "websockets",
    "redis",
    "django",
}
IMPURE_OURS = {"client", "budget", "registry"}
DIALECTS = {"binance_futures": "binance"}  # the same engine's words: one may read the other's


def imported(text: str) -> set[str]:
    """The modules that a file imports, by their full names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_an_adapter_is_pure_and_knows_no_other(files):
    adapters = {Path(name).parent.name for name in files if re.fullmatch(r"exchanges/\w+/__init__\.py", name)}
    assert len(adapters) >= 10
    wrong = []
    for name, text in files.items():
        if not re.fullmatch(r"exchanges/\w+/\w+\.py", name):
            continue
        own = Path(name).parent.name
        for module in imported(text):
            first, _, rest = module.partition(".")
            ours = rest.partition(".")[0] if first == "exchanges" else ""
            other = ours in adapters - {own, DIALECTS.get(own)}
            if first in IMPURE or ours in IMPURE_OURS or other:
                wrong.append((name, module))
    assert wrong == []
