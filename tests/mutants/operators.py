"""The changes that are tried: each makes one function do something else at one place.

Only statements inside functions are changed. Constants of modules and classes are tunables, which tests compare with
the documents. Messages (f-strings, what is raised), annotations, default values and assertions stay as they are.
"""

import ast
import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# Places that are left alone, with everything in them. Functions within functions have their own turn.
_UNCHANGED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assert, ast.JoinedStr, ast.Raise)

_BOUNDARIES: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """`function` is the qualified name within the module; `change` shows the place before and after. `number` counts
    equal changes of one function; `digest` is of the function's text, so that a verdict ends with it. `cached`: the
    function keeps its results, so that not every test that needs it calls it."""

    path: str
    function: str
    line: int
    change: str
    number: int
    digest: str
    place: int
    cached: bool = False

    @property
    def name(self) -> str:
        number = f" #{self.number}" if self.number else ""
        return f"{self.path} {self.function}: {self.change}{number}"

    @property
    def key(self) -> str:
        return f"{self.name} @{self.digest}"


class _Change(NamedTuple):
    """Replace a node by another one, in its field of `parent` (`index` when that is a list)."""

    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST
    text: str

    def apply(self) -> None:
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            getattr(self.parent, self.field)[self.index] = self.new


def mutants_of(root: Path, path: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its text."""
    source = (root / path).read_text(encoding="utf-8")
    found: list[Mutant] = []
    seen: dict[tuple[str, str], int] = {}
    digests: dict[int, str] = {}
    for place, (function, name, change) in enumerate(_changes(ast.parse(source))):
        if id(function) not in digests:
            text = ast.get_source_segment(source, function) or ""
            digests[id(function)] = hashlib.sha256(text.encode()).hexdigest()[:8]
        number = seen[name, change.text] = seen.get((name, change.text), -1) + 1
        line = getattr(change.new, "lineno", function.lineno)
        found.append(Mutant(path, name, line, change.text, number, digests[id(function)], place, _is_cached(function)))
    return found


def _is_cached(function: _Function) -> bool:
    nodes = [node for decorator in function.decorator_list for node in ast.walk(decorator)]
    return any(isinstance(node, ast.Name) and node.id in ("cache", "lru_cache") for node in nodes)


def mutated(source: str, place: int) -> ast.Module:
    """The tree of a module with its change number `place` made."""
    tree = ast.parse(source)
    for number, (_, _, change) in enumerate(_changes(tree)):
        if number == place:
            change.apply()
            return ast.fix_missing_locations(tree)
    raise IndexError(place)


def _changes(tree: ast.Module) -> list[tuple[_Function, str, _Change]]:
    """With the function that each is in, and the qualified name of that one."""
    return [(function, name, change) for function, name in _functions(tree, "") for change in _within(function)]


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[_Function, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield child, prefix + child.name
            yield from _functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.stmt):
            yield from _functions(child, prefix)


def _within(function: _Function) -> Iterator[_Change]:
    for index, statement in enumerate(function.body):
        yield from _visit(function, "body", index, statement)


def _visit(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, _UNCHANGED):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    for new in _alternatives(node):
        ast.copy_location(new, node)
        yield _Change(parent, field, index, new, _told(parent, field, index, node, new))
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "ctx", "op", "ops", "type_comment"):
            continue
        if isinstance(value, ast.AST):
            yield from _visit(node, name, None, value)
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _visit(node, name, place, item)


def _told(parent: ast.AST, field: str, index: int | None, node: ast.AST, new: ast.AST) -> str:
    """The change in one line; of a constant with what is around it."""
    if not isinstance(node, ast.Constant) or not isinstance(parent, ast.expr):
        return f"{_shown(node)} → {_shown(new)}"
    before = _shown(parent)
    _Change(parent, field, index, new, "").apply()
    after = _shown(parent)
    _Change(parent, field, index, node, "").apply()
    return f"{before} → {after}"


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not _is_text(node):
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield ast.Call(ast.Name(_CALLS[name], ast.Load()), node.args, node.keywords)
        case ast.If() | ast.IfExp():
            yield from (_with(node, test=ast.Constant(value)) for value in (True, False))
        case ast.comprehension() if node.ifs:
            yield _with(node, ifs=[])
        case ast.match_case(guard=None) if not isinstance(node.pattern, ast.MatchAs):
            yield _with(node, guard=ast.Constant(False))
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case ast.AugAssign() if type(node.op) in _ARITHMETIC:
            yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
            yield ast.Pass()
        case ast.Expr(value=ast.Call()) | ast.Delete() | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _comparisons(node: ast.Compare) -> Iterator[ast.Compare]:
    for place, operator in enumerate(node.ops):
        for other in _BOUNDARIES[type(operator)]:
            yield ast.Compare(node.left, [*node.ops[:place], other(), *node.ops[place + 1 :]], node.comparators)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """A shallow copy with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(node: ast.BinOp) -> bool:
    """Joining texts: taking one from the other is no change of behaviour but a TypeError."""
    sides = (node.left, node.right)
    return any(isinstance(side, ast.JoinedStr | ast.List | ast.Tuple) or _is_str(side) for side in sides)


def _is_str(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _shown(node: ast.AST) -> str:
    """One line: of a compound statement its head."""
    match node:
        case ast.If():
            return f"if {ast.unparse(node.test)}"
        case ast.match_case():
            guard = " if False" if node.guard is not None else ""
            return f"case {ast.unparse(node.pattern)}{guard}"
        case ast.comprehension():
            return ast.unparse(node).strip()
        case _:
            return " ".join(ast.unparse(node).split())
