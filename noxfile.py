"""All that is checked, one session each. `nox` alone: the demo and the tests.

Arguments after `--` go to the tool: `nox -s tests -- tests/unit -k ttl`.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["demo", "tests", "pythons"]

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
MAIN = f"{sys.version_info.major}.{sys.version_info.minor}"
INSTRUCTOR_CACHE_TESTS = (
    "cache",
    "coverage/test_cache_coverage.py",
    "v2/test_issue_2374.py",
    "v2/test_security_regressions.py",
)
OPTIONAL = PROJECT["project"]["optional-dependencies"]
EXTRAS = [name for name in OPTIONAL if name != "dev"]
EXTRALESS = ["tests/contract", "tests/compat/test_key_vectors.py"]  # need no extra
RUNNERS = [each for each in OPTIONAL["dev"] if each.startswith(("hypothesis", "pytest"))]
OTHERS = [version for version in ("3.11", "3.12", "3.13") if version != MAIN]


def activate_pyenv() -> None:
    """Let nox see every Python that pyenv has installed, not only those switched on."""
    root = Path(os.environ.setdefault("PYENV_ROOT", str(Path.home() / ".pyenv")))
    installed = sorted(path.name for path in root.glob("versions/3.*"))
    os.environ.setdefault("PYENV_VERSION", ":".join([MAIN, *installed]) if installed else "")


def install(session: nox.Session, *groups: str, extras: str = "dev") -> None:
    """Install the checkout with its extras, and what the groups of pyproject.toml name."""
    needed = nox.project.dependency_groups(PROJECT, *groups)
    session.install("-e", f".[{extras}]", *needed)


def report_coverage(session: nox.Session) -> None:
    """Merge what all processes measured, and fail below the gate of pyproject.toml."""
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def demo(session: nox.Session) -> None:
    """The demo, as the README runs it, but for a directory of its own."""
    install(session)
    private = {"LLMCACHE_DIR": session.create_tmp()}
    session.run("llmcache", "demo", "--fresh", *session.posargs, env=private)


@nox.session(python=MAIN)
def tests(session: nox.Session) -> None:
    """All tests on the Python that runs nox, measured, with the coverage gate."""
    install(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-n", "auto", *session.posargs)
    if not session.posargs:
        report_coverage(session)


@nox.session(python=MAIN)
def coverage(session: nox.Session) -> None:
    """The coverage gate, over a test run that was measured elsewhere."""
    install(session)
    report_coverage(session)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, rules, layers; and that generated pages are up to date."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("lint-imports")
    session.run("python", "docs/generate.py", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Three type checkers on the file of ordinary use; the package is strict, and typed whole."""
    install(session, "types")
    session.run("mypy")
    session.run("pyright", "tests/typing")
    session.run("basedpyright", "tests/typing")
    session.run("pyright", "--verifytypes", "llmcache", "--ignoreexternal", silent=True)


@nox.session
def security(session: nox.Session) -> None:
    """Bandit on the package; pip-audit on the locked versions, where advisories can be had."""
    session.install("bandit", "pip-audit")
    session.run("bandit", "-q", "-c", "pyproject.toml", "-r", "llmcache")
    report = Path(session.create_tmp()) / "audit.json"
    report.unlink(missing_ok=True)
    locked = ["-r", "requirements-locked.txt", "--require-hashes", "--disable-pip"]
    written = ["--format", "json", "--output", str(report), "--progress-spinner", "off"]
    session.run("pip-audit", *locked, *written, success_codes=[0, 1], silent=True)
    read = json.loads(report.read_text("utf-8"))["dependencies"] if report.exists() else []
    audited = [each for each in read if "vulns" in each]
    if not audited:
        session.warn("No index of advisories can be reached from here: nothing was audited.")
    session.log(f"{len(audited)} of {len(read)} locked versions were audited.")
    faults = [f"{each['name']}: {fault['id']}" for each in audited for fault in each["vulns"]]
    if faults:
        session.error(", ".join(faults))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages; a warning is an error. Their code blocks run in tests/docs."""
    install(session, "docs")
    target = ROOT / "docs/_build"
    session.run("sphinx-build", "-W", "--keep-going", "-q", "docs", str(target))


@nox.session
def examples(session: nox.Session) -> None:
    """Every example, without a key."""
    install(session)
    keyless = {"OPENAI_API_KEY": None, "ANTHROPIC_API_KEY": None}
    private = {"LLMCACHE_DIR": session.create_tmp()}
    for path in sorted(ROOT.glob("examples/*.py")):
        session.run("python", str(path), env=keyless | private)


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel into dist/, and check both."""
    session.install("build", "check-wheel-contents", "twine")
    for stale in ROOT.glob("dist/*"):
        stale.unlink()
    session.run("python", "-m", "build", "--outdir", "dist", silent=True)
    session.run("twine", "check", "--strict", *map(str, ROOT.glob("dist/*")))
    session.run("check-wheel-contents", *map(str, ROOT.glob("dist/*.whl")))


def made_wheel() -> Path:
    """The wheel that the session `build` left."""
    (made,) = ROOT.glob("dist/*.whl")
    return made


def leave_checkout(session: nox.Session) -> dict[str, str]:
    """The environment of a command that must use what is installed, not the checkout."""
    outside = {"PYTHONSAFEPATH": "1", "LLMCACHE_DIR": session.create_tmp()}
    # Below the checkout, pytest within the tests would go by the checkout's settings.
    session.env.pop("TMPDIR")
    return outside


def use_bare(session: nox.Session, outside: dict[str, str], runners: list[str]) -> None:
    """Use what is installed without any extra, then under the tests that need none."""
    session.run("python", "tests/smoke/bare_install.py", env=outside)
    session.install(*runners)
    session.run("python", "-m", "pytest", "-n", "auto", *EXTRALESS, env=outside)


@nox.session(requires=["build"], reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Use the built wheel: first bare, then with all extras under the unit tests."""
    outside = leave_checkout(session)
    session.install(str(made_wheel()))
    use_bare(session, outside, RUNNERS)
    session.install(f"{made_wheel()}[dev]")
    chosen = session.posargs or ["tests/unit"]
    session.run("python", "-m", "pytest", "-n", "auto", *chosen, env=outside)


@nox.session(python=OTHERS, requires=["build"], reuse_venv=False)
def pythons(session: nox.Session) -> None:
    """The unit tests and the pinned bytes on the wheel, on every other Python found here."""
    outside = leave_checkout(session)
    session.install(f"{made_wheel()}[dev]")
    chosen = session.posargs or ["tests/unit", "tests/compat"]
    session.run("python", "-m", "pytest", "-n", "auto", *chosen, env=outside)


@nox.session(python=[MAIN, *OTHERS], requires=["build"], reuse_venv=False)
@nox.parametrize("extra", EXTRAS)
def extras(session: nox.Session, extra: str) -> None:
    """Use the built wheel with one extra and no other."""
    outside = leave_checkout(session)
    session.install(f"{made_wheel()}[{extra}]")
    session.run("python", "tests/smoke/one_extra.py", extra, env=outside)


def install_lowest(session: nox.Session, *extra: str) -> None:
    """Install the wheel and the oldest that it allows; asked for the wheel, uv takes new ones."""
    found = Path(session.virtualenv.location) / "lowest.txt"
    chosen = ["--resolution", "lowest-direct", *extra, "--output-file", str(found)]
    session.install("uv")
    session.run("uv", "pip", "compile", "-q", "--upgrade", "pyproject.toml", *chosen, silent=True)
    session.install("-r", str(found), str(made_wheel()))


@nox.session(requires=["build"], reuse_venv=False)
def oldest(session: nox.Session) -> None:
    """The wheel with the oldest versions that pyproject.toml allows: bare, then with all extras."""
    outside = leave_checkout(session)
    install_lowest(session)
    use_bare(session, outside, [each.replace(">=", "==") for each in RUNNERS])
    install_lowest(session, "--extra", "dev")
    chosen = session.posargs or ["tests/unit", "tests/compat", "tests/contract"]
    session.run("python", "-m", "pytest", "-n", "auto", *chosen, env=outside)


@nox.session
def lock(session: nox.Session) -> None:
    """Write anew what one tested installation consists of, with hashes, for any index."""
    session.install("uv")
    chosen = ["--extra", "dev", "--group", "lint", "--group", "types", "--group", "docs"]
    portable = ["--universal", "--python-version", "3.11", "--generate-hashes"]
    silent = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    target = ["--output-file", "requirements-locked.txt"]
    session.run(
        "uv", "pip", "compile", "-q", "pyproject.toml", *chosen, *portable, *silent, *target
    )


@nox.session
def instructor_cache_tests(session: nox.Session) -> None:
    """Instructor's own cache tests, fetched with its release, on `InstructorCache`."""
    install(session)
    session.install("pip", "python-dotenv")
    asked = "from importlib.metadata import version; print(version('instructor'))"
    release = str(session.run("python", "-c", asked, silent=True)).strip()
    home = Path(session.create_tmp())
    fetch = ["--quiet", "--no-deps", "--no-binary", "instructor", "--dest", str(home)]
    session.run("python", "-m", "pip", "download", *fetch, f"instructor=={release}")
    with tarfile.open(home / f"instructor-{release}.tar.gz") as sdist:
        sdist.extractall(home, filter="data")
    tests = home / f"instructor-{release}" / "tests"
    chosen = [str(tests / name) for name in INSTRUCTOR_CACHE_TESTS]
    alone = ["-p", "instructor_slot", "-p", "no:cacheprovider", "-o", "addopts="]
    alone += ["-o", "asyncio_mode=auto", "--import-mode=importlib", "-k", "not genai"]
    env = {"PYTHONPATH": "tests/behaviour", "LLMCACHE_DIR": str(home / "cache")}
    session.run("python", "-m", "pytest", *alone, *chosen, *session.posargs, env=env)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside the neighbours; the figures go to bench-results/. `-- --quick` for less."""
    install(session)
    session.install("cachetools", "diskcache", "dspy", "joblib", "langchain-community", "litellm")
    session.run("python", "tests/bench/run.py", *session.posargs)


@nox.session
def mutations(session: nox.Session) -> None:
    """Seeded faults under the tests that cover them. `-- --count 20` for a first look."""
    install(session)
    session.run("python", "tests/mutations/run.py", *session.posargs)


@nox.session
def endurance(session: nox.Session) -> None:
    """Repetition and scale: the tests that are too long for every change."""
    install(session)
    thorough = ["-m", "endurance", "--hypothesis-profile", "thorough"]
    session.run("python", "-m", "pytest", *thorough, *session.posargs)


activate_pyenv()
