"""What the house rules say of the tree as a whole; see the scorecard in the design notes."""

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "autotag"
MODULES = sorted(PACKAGE.rglob("*.py"))
# Migrations are written once, by a generator, and never grow.
OURS = [path for path in MODULES if "migrations" not in path.parts]
NODES = {path: list(ast.walk(ast.parse(path.read_text()))) for path in MODULES}

MAY_COMMIT = {"autotag/models/unit_of_work.py", "autotag/models/schema.py"}
# The settings, and what the processes inherit that the inference room starts: itself, and pip. The forker adds to it.
MAY_READ_ENVIRONMENT = {
    "autotag/config.py",
    "autotag/inference/process/process.py",
    "autotag/inference/installing/packages.py",
    "autotag/cli/forker.py",
}
# Tools know no database (an import contract says so); a `session` of theirs is one of HTTP.
TOOLS = ("autotag/inference/", "autotag/providers/")
KNOW_FLASK = ("autotag/blueprints/", "autotag/serving/web.py", "autotag/extensions.py", "autotag/__init__.py")
# Decoders raise anything for bytes that are no image; the web turns whatever is left into a page.
MAY_CATCH_ALL = {
    "autotag/inference/decoding/decoding.py",
    "autotag/blueprints/errors.py",
    # The command line turns it into a line.
    "autotag/cli/common/lazy_group.py",
    # What somebody else's package raises when it is imported.
    "autotag/configuration/plugins.py",
    # The one guard of all that is done again and again.
    "autotag/guards.py",
    # What somebody else's provider raises, and whatever is raised in one document's attempt, concerns that alone.
    "autotag/tagging/pipeline/provider_calls.py",
    "autotag/tagging/pipeline/examine.py",
    "autotag/tagging/pipeline/write_outcomes.py",
    "autotag/tagging/pipeline/pipeline.py",
    "autotag/tagging/pipeline/leases.py",
}
# What only starts another module is tested with that one.
NEED_NO_TWIN = {"autotag/__main__.py", "autotag/inference/__main__.py"}
MIRRORED_AT_LEAST = 0.85

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions() -> Iterator[tuple[str, Function]]:
    for path in OURS:
        for node in NODES[path]:
            if isinstance(node, Function):
                yield f"{name_of(path)}:{node.name}", node


def length_of(function: Function) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def percentile_90(values: list[int]) -> int:
    return sorted(values)[int(len(values) * 0.9)]


def calls(path: Path) -> Iterator[str]:
    """What a module calls, as it is written: `session.get`, `print`."""
    for node in NODES[path]:
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imports(path: Path) -> Iterator[str]:
    """The packages that a module imports, wherever in it."""
    for node in NODES[path]:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_the_tree_is_found() -> None:
    assert len(OURS) > 80
    assert len(list(functions())) > 300


def test_files_are_short() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in OURS}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert percentile_90(list(lengths.values())) <= 200
    assert statistics.median(lengths.values()) <= 90


def test_functions_are_short() -> None:
    lengths = {name: length_of(function) for name, function in functions()}
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    assert percentile_90(list(lengths.values())) <= 30
    assert statistics.median(lengths.values()) <= 10
    assert sum(length > 50 for length in lengths.values()) <= 0.015 * len(lengths)


def test_views_are_short() -> None:
    lengths = {
        name: length_of(function)
        for name, function in functions()
        if name.startswith("autotag/blueprints/")
        and any("blueprint." in ast.unparse(decorator) for decorator in function.decorator_list)
    }
    assert len(lengths) > 10
    assert {name: length for name, length in lengths.items() if length > 40} == {}
    assert statistics.median(lengths.values()) <= 12


def test_jobs_are_adapters() -> None:
    for name, function in functions():
        if name.startswith("autotag/tagging/jobs.py"):
            assert length_of(function) <= 10, name


def test_every_function_says_what_it_takes_and_gives() -> None:
    for name, function in functions():
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        bare = [one.arg for one in arguments if one.annotation is None and one.arg not in ("self", "cls")]
        assert not bare, name
        assert function.returns is not None, name


def test_the_transaction_has_one_owner() -> None:
    committing = {name_of(path) for path in OURS if any(call.endswith(".commit") for call in calls(path))}
    assert committing <= MAY_COMMIT


def test_only_the_settings_read_the_environment() -> None:
    reading = {
        name_of(path)
        for path in OURS
        if any(
            isinstance(node, ast.Attribute)
            and ast.unparse(node) in ("os.environ", "os.getenv", "os.environb")
            for node in NODES[path]
        )
    }
    assert reading <= MAY_READ_ENVIRONMENT


def test_no_row_is_loaded_without_its_instance() -> None:
    for path in OURS:
        if not name_of(path).startswith(TOOLS):
            loading = r".*session(\(\))?\.(get|get_one)|.*\.query"
            assert [call for call in calls(path) if re.fullmatch(loading, call)] == [], name_of(path)


def test_nothing_below_the_web_knows_flask() -> None:
    flask = {"flask", "flask_login", "flask_wtf", "flask_sqlalchemy", "flask_limiter", "flask_talisman"}
    for path in OURS:
        if not name_of(path).startswith(KNOW_FLASK):
            assert not flask & set(imports(path)), name_of(path)


@pytest.mark.parametrize("package", ["numpy", "PIL", "ai_edge_litert", "tflite_runtime"])
def test_only_the_inference_room_decodes_and_computes(package: str) -> None:
    for path in OURS:
        if not name_of(path).startswith("autotag/inference/"):
            assert package not in set(imports(path)), name_of(path)


def test_only_decoders_and_what_faces_people_catch_everything() -> None:
    for path in OURS:
        for node in NODES[path]:
            if isinstance(node, ast.ExceptHandler) and name_of(path) not in MAY_CATCH_ALL:
                caught = "" if node.type is None else ast.unparse(node.type)
                assert caught not in ("", "Exception"), f"{name_of(path)}:{node.lineno}"
                if caught == "BaseException":
                    assert isinstance(node.body[-1], ast.Raise), f"{name_of(path)}:{node.lineno}"


def test_requests_are_refused_in_the_web_only() -> None:
    for path in OURS:
        if not name_of(path).startswith("autotag/blueprints/"):
            assert "abort" not in set(calls(path)), name_of(path)


def test_log_lines_are_constant_so_that_they_can_be_searched_for() -> None:
    for path in OURS:
        for node in NODES[path]:
            if isinstance(node, ast.Call) and re.match(r"logger\.\w+$", ast.unparse(node.func)):
                assert isinstance(node.args[0], ast.Constant), f"{name_of(path)}:{node.lineno}"


def test_log_lines_use_one_vocabulary() -> None:
    """What has a name in the log has that one everywhere; `instance_id` is written as the Web ID."""
    synonyms = {
        "request",
        "document",
        "instance",
        "job",
        "seconds",
        "elapsed",
        "action",
        "run",
        "user",
        "name",
    }
    for path in OURS:
        for node in NODES[path]:
            if isinstance(node, ast.Call) and re.match(r"(logger\.\w+|log)$", ast.unparse(node.func)):
                assert not synonyms & {keyword.arg for keyword in node.keywords}, (
                    f"{name_of(path)}:{node.lineno}"
                )


def test_exceptions_to_the_linter_say_why() -> None:
    """Beside it, or in a comment above it that may be for several lines."""
    for path in OURS:
        above = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            excepted = "# noqa" in line
            if excepted and not above.lstrip().startswith("# "):
                assert re.search(r"# noqa: [A-Z0-9, ]+ - \w", line), f"{name_of(path)}:{number}"
            above = above if excepted else line


def test_modules_have_their_tests() -> None:
    """A module `autotag/a/b.py` has its tests in `tests/unit/a/`, `tests/integration/` or another room's folder,
    in a file named for it."""
    tests = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    modules = [path for path in OURS if _does_something(path) and name_of(path) not in NEED_NO_TWIN]
    lonely = [name_of(path) for path in modules if not _twins(path) & tests]
    assert len(lonely) <= (1 - MIRRORED_AT_LEAST) * len(modules), "\n".join(lonely)


def _does_something(path: Path) -> bool:
    """Whether a module has functions; one that only declares is tested by whoever uses it."""
    has_functions = any(isinstance(node, Function) for node in NODES[path])
    return path.name != "__init__.py" and has_functions


def _twins(path: Path) -> set[str]:
    """The names of test files that a module's tests may stand in: its own, or its folder's."""
    names = {f"test_{path.stem}"}
    if path.stem in ("views", "forms") or "blueprints" in path.parts:
        names.add(f"test_{path.parent.name}")
    return names


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_import_contracts_name_every_room() -> None:
    """A room that no contract names could import whatever it likes."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = next(
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    named = {room.strip() for layer in layers for room in layer.split("|")}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert named == rooms


def test_no_statement_that_names_ids_lets_the_instance_find_the_rows() -> None:
    """SQLite would go through all rows of the instance for them; `owned_by` keeps it from that."""
    both = re.compile(r"\b(\w+)\.instance_id == [^,()]+,\s*\1\.id\.in_\(")
    found = [f"{name_of(path)}: {match[0]}" for path in OURS for match in both.finditer(path.read_text())]
    assert found == []
