"""The rules of the architecture, read from the sources: prose drifts, this does not."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("harness", "target_service")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}

NETWORK = ("socket", "http", "urllib", "requests", "httptools", "gevent", "redis", "asyncio", "ssl")
PROCESSES = ("subprocess", "multiprocessing", "signal", "psutil")


def imports_of(source: str, module: str, is_package: bool = False) -> set[str]:
    """Dotted names that a module imports, also inside functions; `from a import b` counts as a and as a.b."""
    found: set[str] = set()
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            name = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "import_module"):
            found |= {str(each.value) for each in node.args[:1] if isinstance(each, ast.Constant)}
    return found


@cache
def imports(module: str) -> frozenset[str]:
    path = MODULES[module]
    return frozenset(imports_of(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"))


def within(name: str, *parents: str) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def below(*parents: str) -> list[str]:
    found = [module for module in MODULES if within(module, *parents)]
    assert found, parents
    return found


def offenders(modules: list[str], *forbidden: str) -> list[str]:
    return [f"{module} imports {name}" for module in modules for name in imports(module) if within(name, *forbidden)]


def importers(*names: str) -> set[str]:
    return {module for module in MODULES if any(within(each, *names) for each in imports(module))}


def test_the_reader_of_imports_sees_every_form():
    source = (
        "import a.b\nfrom c import d\nfrom . import e\nfrom ..f import g\ndef x():\n    import h\n__import__('i')\n"
    )
    found = imports_of(source, "p.q.r")
    assert found == {"a.b", "c", "c.d", "p.q", "p.q.e", "p.f", "p.f.g", "h", "i"}
    assert "p.q.r.e" in imports_of("from . import e", "p.q.r", is_package=True)


def test_harness_and_target_never_import_each_other():
    assert offenders(below("harness"), "target_service", "tests") == []
    assert offenders(below("target_service"), "harness", "tests") == []


def test_registries_are_plain_dicts_by_name():
    from harness.faults import FAULTS
    from harness.platforms import PLATFORMS
    from harness.properties import PROPERTIES
    from harness.scenario.questions import CHECKS

    for registry in (CHECKS, FAULTS, PLATFORMS, PROPERTIES):
        assert type(registry) is dict
        assert registry
        assert all(isinstance(name, str) and name for name in registry)
    assert all(name == each.name for name, each in PROPERTIES.items())
    assert all(fault.model_fields["kind"].default == name for name, fault in FAULTS.items())


# -- size and words


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes_and_docstrings(path: Path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno + 1 >= 60
    ]
    assert long == []
    assert ast.get_docstring(tree), "a module says what it is"
    assert list(undocumented(tree, elsewhere=methods_of_protocols())) == []


def undocumented(
    tree: ast.Module | ast.ClassDef, prefix: str = "", elsewhere: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Public names without a docstring.

    Exempt is what is said elsewhere: methods of a base class or of one of our protocols, kinds of a documented base
    class that add values alone, and handlers whose decorator names their route.
    """
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            said = bool(node.bases) and not any(isinstance(each, ast.FunctionDef) for each in node.body)
            yield from undocumented(node, f"{prefix}{node.name}.", elsewhere)
        elif isinstance(tree, ast.ClassDef):
            said = bool(tree.bases) or node.name in elsewhere or bool(EXEMPT.match(node.name))
        else:
            said = any(ast.unparse(each).startswith("router.") for each in node.decorator_list)
        if not ast.get_docstring(node) and not said:
            yield prefix + node.name


@cache
def methods_of_protocols() -> frozenset[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]
    protocols = [
        node
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases)
    ]
    return frozenset(
        each.name
        for node in protocols
        for each in node.body
        if isinstance(each, ast.FunctionDef) and ast.get_docstring(each)
    )


# Callbacks whose name and meaning a protocol of a library fixes.
EXEMPT = re.compile(r"on_[a-z_]+$|connection_(made|lost)$|data_received$|eof_received$|(pause|resume)_writing$")


def test_the_reader_of_docstrings_finds_what_lacks_one():
    tree = ast.parse("class A:\n  def b(self): ...\n  def _c(self): ...\n  def on_x(self): ...\ndef d(): ...\n")
    assert list(undocumented(tree)) == ["A.b", "A", "d"]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


FOREIGN = re.compile(
    r"pypi\.org|pythonhosted|index-url|registry\.npmjs|artifactory|(?<![\w.])/(?:root|home/\w+|work)/",
    re.IGNORECASE,
)
# The options of a tool that keep such names out.
ALLOWED = re.compile(r"--no-emit-index-url|--no-index")


@pytest.mark.live
def test_no_file_names_a_machine_a_package_host_or_work_left_undone():
    wrong = []
    undone = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data or path == Path(__file__):
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if FOREIGN.search(ALLOWED.sub("", line)) or undone.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert wrong == []


# -- tests


def private_names(tree: ast.Module) -> set[str]:
    """Names that begin with one underscore and are reached from elsewhere: on another object, by an import, or in
    what is put in their place by name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls", "super()"):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "setattr":
            texts = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            found |= {str(text).rpartition(".")[2] for text in texts}
    return {name for name in found if re.fullmatch(r"_[A-Za-z]\w*", name)}


def test_private_names_are_seen_in_every_form():
    source = "from a import _b\nc._d.e\nself._f\nsuper()._g\np.setattr('h._i', 1)\np.setattr(h, '_j', 1)\n__k__\n"
    assert private_names(ast.parse(source)) == {"_b", "_d", "_i", "_j"}


@cache
def defined_in_the_code() -> frozenset[str]:
    return frozenset(
        name for path in SOURCES for name in re.findall(r"\b_[A-Za-z]\w*", path.read_text(encoding="utf-8"))
    )


def test_a_private_name_of_the_code_is_reached_only_where_a_comment_says_why():
    unsaid = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        said = set(re.findall(r"`(_\w+)`", "".join(re.findall(r"#.*", text))))
        # `os._exit` is the only way to end a process that was forked.
        reached = private_names(ast.parse(text)) & defined_in_the_code() - {"_exit"}
        unsaid += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(reached - said)]
    assert unsaid == [], (
        "use a public name, or say below the imports why the private one is needed: `# Private names: ...`"
    )


def test_no_test_module_is_imported_by_a_test():
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for folder in ("unit", "conformance", "end_to_end", "browser", "support")
        for path in sorted((ROOT / "tests" / folder).rglob("*.py"))
        for name in sorted(imports_of(path.read_text(encoding="utf-8"), "tests"))
        if within(name, "tests") and ".test_" in name
    ]
    assert found == [], "what several tests share lies in tests/support, or in a fixture of their conftest.py"


def test_unit_tests_lie_in_folders_of_the_code():
    unit = ROOT / "tests" / "unit"
    folders = {path.parent.relative_to(unit).as_posix() for path in unit.rglob("test_*.py")}
    assert {"rundir", "properties/session", "platforms/docker"} <= folders
    there = {each for each in folders for place in ("harness", "tests", "") if (ROOT / place / each).is_dir()}
    assert folders - there == {"target"}, "a test lies in the folder of tests/unit that is called like that of its code"
