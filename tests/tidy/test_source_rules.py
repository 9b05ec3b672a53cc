"""House rules no linter knows; each is also shown a sample that breaks it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

Finder = Callable[[ast.Module], Iterator[str]]
FUNCTION_LINES_MAX = 60
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TIME_READS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
}
CHANCE_MODULES = {"random", "secrets", "uuid"}
CHANCE_CALLS = {"os.urandom", "random.default_rng"}
VAGUE = ("Utils", "Util", "Helpers", "Helper", "Common", "Manager")


@dataclass(frozen=True)
class Rule:
    """What `find` reports in files under `where`, but not under `exempt`, breaks the rule."""

    name: str
    find: Finder
    bad: str
    good: str
    where: tuple[str, ...] = ("engram/",)
    exempt: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Whether the rule holds for a file."""
        return path.startswith(self.where) and not path.startswith(self.exempt)


def _dotted(node: ast.expr) -> str:
    """Return the last two names of `a.b.c`, so `datetime.datetime.now` is `datetime.now`."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    return ".".join(reversed(names[:2]))


def _imports(tree: ast.Module) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Give line, module and names of every absolute import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module, tuple(alias.name for alias in node.names)


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Find functions whose body, docstring aside, is longer than a screen."""
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and (body[-1].end_lineno or 0) - body[0].lineno >= FUNCTION_LINES_MAX:
                yield f"line {node.lineno}: {node.name} is longer than {FUNCTION_LINES_MAX} lines"


def asserts(tree: ast.Module) -> Iterator[str]:
    """Find assert, which `python -O` takes away; engram.model.errors.check stays."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: use check(...) of engram.model.errors"


def clock_reads(tree: ast.Module) -> Iterator[str]:
    """Find time that does not come from the Clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted(node) in TIME_READS:
            yield f"line {node.lineno}: {_dotted(node)}"
    for line, module, names in _imports(tree):
        yield from (
            f"line {line}: {module}.{name}" for name in names if f"{module}.{name}" in TIME_READS
        )


def chance(tree: ast.Module) -> Iterator[str]:
    """Find chance that does not come from the Entropy."""
    for line, module, names in _imports(tree):
        if module.split(".")[0] in CHANCE_MODULES or (module == "os" and "urandom" in names):
            yield f"line {line}: {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted(node) in {
            "os.urandom",
            "random.default_rng",
        }:
            yield f"line {node.lineno}: {_dotted(node)}"


def environment(tree: ast.Module) -> Iterator[str]:
    """Find reads of the environment that the settings do not know of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted(node) in {"os.environ", "os.getenv"}:
            yield f"line {node.lineno}: {_dotted(node)}"
    for line, module, names in _imports(tree):
        if module == "os" and {"environ", "getenv"} & set(names):
            yield f"line {line}: os.{', os.'.join(names)}"


def prints(tree: ast.Module) -> Iterator[str]:
    """Find calls of the built-in print."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) == "print":
            yield f"line {node.lineno}: print"


def lone_decoders(tree: ast.Module) -> Iterator[str]:
    """Give lines where msgspec decodes a type outside the module that makes decoders."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        typed = any(keyword.arg == "type" for keyword in node.keywords)
        match _dotted(node.func), typed, bool(node.args):
            case (
                ("msgspec.convert", _, _)
                | ("json.decode" | "msgpack.decode", True, _)
                | ("json.Decoder" | "msgpack.Decoder", _, True)
                | ("json.Decoder" | "msgpack.Decoder", True, _)
            ):
                yield f"{node.lineno}: {ast.unparse(node)}"


def bare_publics(tree: ast.Module) -> Iterator[str]:
    """Find public modules, classes and functions without a docstring."""
    if not ast.get_docstring(tree):
        yield "the module has no docstring"
    homes: list[ast.Module | ast.ClassDef] = [tree]
    while homes:
        for node in homes.pop().body:
            if not isinstance(node, (*FUNCTIONS, ast.ClassDef)) or node.name.startswith("_"):
                continue
            overload = any(_dotted(mark) == "overload" for mark in node.decorator_list)
            if not ast.get_docstring(node) and not overload:
                yield f"line {node.lineno}: {node.name} has no docstring"
            if isinstance(node, ast.ClassDef):
                homes.append(node)


def vague_classes(tree: ast.Module) -> Iterator[str]:
    """Find classes named after nothing in particular."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(VAGUE):
            yield f"line {node.lineno}: {node.name} says too little"


LONG = "def f():\n    '''One.'''\n" + "    x = 1\n" * FUNCTION_LINES_MAX
RULES = [
    Rule(
        "functions fit a screen",
        long_functions,
        bad=LONG + "    x = 1\n",
        good=LONG,
        where=("engram/", "tests/", "benches/", "build_kernels.py"),
        exempt=("engram/kernels/_zig_bindings.py", "engram/v1/engram_pb2"),  # generated
    ),
    Rule("no assert", asserts, "assert x", "check(x, 'x')"),
    Rule(
        "time comes from the Clock",
        clock_reads,
        bad="time.time()\ndatetime.datetime.now()\nfrom time import monotonic",
        good="clock.now()\nclock.monotonic()",
        # The doctor and quickstart show how long something took; nothing is decided by it.
        exempt=("engram/adapters/local/", "engram/doctor.py", "engram/edges/cli/quickstart.py"),
    ),
    Rule(
        "chance comes from the Entropy",
        chance,
        bad="from uuid import uuid4\nimport random\nimport secrets\nos.urandom(8)",
        good="entropy.token(8)",
        exempt=("engram/adapters/local/", "engram/testing/"),  # testing draws from a given seed
    ),
    Rule(
        "the environment is read by the settings",
        environment,
        bad="os.environ['A']\nos.getenv('A')\nfrom os import environ",
        good="settings.data_root",
        exempt=("engram/settings.py", "engram/adapters/embedders/build_table.py"),
    ),
    Rule(
        "nothing prints; edges write to their console",
        prints,
        bad="print(1)",
        good="console.print(1)",
    ),
    Rule(
        "decoders of structures are made one at a time",
        lone_decoders,
        bad="msgspec.json.decode(b, type=A)\nmsgspec.msgpack.Decoder(A)\nmsgspec.convert(x, A)",
        good="json_decoder(A).decode(b)\nmsgspec.json.decode(b)\nmsgspec.json.Decoder()",
        exempt=("engram/model/decoders.py",),
    ),
    Rule(
        "public names are explained",
        bare_publics,
        bad="'''M.'''\nclass A:\n    '''A.'''\n    def f(self): ...",
        good="'''M.'''\nclass A:\n    '''A.'''\n    def _f(self): ...",
        exempt=("engram/v1/engram_pb2",),  # generated; the proto explains
    ),
    Rule(
        "classes have telling names", vague_classes, "class LogManager: ...", "class FileLog: ..."
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_holds(rule: Rule, trees: dict[str, ast.Module]) -> None:
    covered = {path: tree for path, tree in trees.items() if rule.covers(path)}
    assert covered
    assert [f"{path}: {found}" for path, tree in covered.items() for found in rule.find(tree)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_tells_bad_from_good(rule: Rule) -> None:
    assert list(rule.find(ast.parse(rule.bad)))
    assert not list(rule.find(ast.parse(rule.good)))


def test_each_line_of_a_bad_sample_is_found() -> None:
    """A rule with several spellings notices every one of them."""
    assert len(list(clock_reads(ast.parse(RULES[2].bad)))) == 3
    assert len(list(chance(ast.parse(RULES[3].bad)))) == 4
    assert len(list(environment(ast.parse(RULES[4].bad)))) == 3
    assert len(list(lone_decoders(ast.parse(RULES[6].bad)))) == 3


def test_every_exemption_is_needed(trees: dict[str, ast.Module]) -> None:
    """An exempt place breaks its rule; when it no longer does, the exemption goes."""
    idle = [
        f"{rule.name}: {place}"
        for rule in RULES
        for place in rule.exempt
        if not any(
            next(rule.find(tree), None) for path, tree in trees.items() if path.startswith(place)
        )
    ]
    assert idle == []
