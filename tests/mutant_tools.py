"""Change a solution in one place at a time, as a learner's slip would.

    for change, code in mutants("def double(x):\\n    return x * 2\\n"):
        print(change)  # "* became /", "2 became 3", "returns x", ...

Each mutant is the code of a whole answer. `differs` tells the few that are no mistakes,
because they do what the solution does, from those that a verdict must refuse.
"""

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from minigpt.course.exercises import judge as judging
from minigpt.course.exercises import verdict
from minigpt.course.exercises.judge import Task, judge

Change = tuple[str, Callable[[ast.AST], Any]]
USUAL_TIME_LIMIT = verdict.TIME_LIMIT_SECONDS
DELETED = object()  # what a change returns that takes a statement out

OPERATORS: dict[type, list[type]] = {
    ast.Add: [ast.Sub, ast.Mult],
    ast.Sub: [ast.Add, ast.Div],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.FloorDiv: [ast.Div, ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.Mod: [ast.FloorDiv],
}
COMPARISONS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
# Functions and methods that are taken for one another.
CONFUSED = {
    "tril": ["triu"],
    "triu": ["tril"],
    "sum": ["mean", "cumsum"],
    "mean": ["sum"],
    "cumsum": ["sum", "cumprod"],
    "softmax": ["log_softmax"],
    "sqrt": ["square", "exp"],
    "square": ["abs"],
    "log": ["log2", "log10", "exp"],
    "exp": ["log"],
    "erf": ["sin"],
    "cos": ["sin"],
    "stack": ["cat"],
    "cat": ["stack"],
    "ones": ["zeros"],
    "zeros": ["ones"],
    "ones_like": ["zeros_like"],
    "zeros_like": ["ones_like"],
    "max": ["min"],
    "min": ["max"],
    "argmax": ["argmin"],
    "round": ["int"],
    "append": ["remove"],
    "masked_fill": ["masked_fill_"],
    "var": ["std"],
    "values": ["indices"],
    "indices": ["values"],
}
STRINGS = {"utf-8": ["latin-1", "utf-16"], "replace": ["ignore", "strict"]}
IN_PLACE = {ast.Add: "add_", ast.Sub: "sub_", ast.Mult: "mul_", ast.Div: "div_"}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield what was changed and the code, for every change, each code once."""
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for n, node in enumerate(ast.walk(tree)):
        for said, change in _changes(node, tree):
            changed = copy.deepcopy(tree)
            try:
                _put(changed, n, change)
                code = ast.unparse(ast.fix_missing_locations(changed))
                compile(code, "mutant", "exec")
            except (SyntaxError, ValueError, TypeError):
                continue
            if code not in seen:
                seen.add(code)
                yield f"line {getattr(node, 'lineno', 1)}: {said}", code


def _put(tree: ast.AST, n: int, change: Callable[[ast.AST], Any]) -> None:
    """Replace the n-th node of a walk through the tree by what the change returns."""
    target = list(ast.walk(tree))[n]
    new = change(target)
    if new is target:
        return
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, new)
            elif isinstance(value, list) and any(one is target for one in value):
                place = next(i for i, one in enumerate(value) if one is target)
                value[place : place + 1] = [] if new is DELETED else [new]
                if not value and field == "body":
                    value.append(ast.Pass())


def _with(field: str, value: Any) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, field, value)
        return node

    return change


def _as(code: str) -> Callable[[ast.AST], ast.AST]:
    """Return a change that puts a node into code: "_.tolist()"."""

    def change(node: ast.AST) -> ast.AST:
        wrapped = ast.parse(code, mode="eval").body
        for parent in ast.walk(wrapped):
            for field, value in ast.iter_fields(parent):
                if isinstance(value, ast.Name) and value.id == "_":
                    setattr(parent, field, node)
                elif isinstance(value, list):
                    value[:] = [
                        node if isinstance(one, ast.Name) and one.id == "_" else one
                        for one in value
                    ]
        return wrapped

    return change


def _swapped(field: str, i: int = 0, k: int = 1) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        items = getattr(node, field)
        items[i], items[k] = items[k], items[i]
        return node

    return change


def _without(field: str, i: int) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        del getattr(node, field)[i]
        return node

    return change


def _changes(node: ast.AST, tree: ast.Module) -> Iterator[Change]:
    """Yield every change that could be made to this node."""
    for kind in type(node).__mro__:
        if change := _CHANGES.get(kind):
            yield from change(node, tree)


def _of_operation(node: Any, _: ast.Module) -> Iterator[Change]:
    for other in OPERATORS.get(type(node.op), []):
        said = f"{type(node.op).__name__} became {other.__name__}"
        yield said, _with("op", other())
    if not isinstance(node.op, ast.Add | ast.Mult):
        yield "operands swapped", lambda it: ast.BinOp(it.right, it.op, it.left)
    yield "only the left operand", lambda it: it.left
    yield "only the right operand", lambda it: it.right
    if method := IN_PLACE.get(type(node.op)):
        yield (
            f"in place: {method}",
            lambda it: ast.Call(
                ast.Attribute(it.left, method, ast.Load()), [it.right], []
            ),
        )


def _of_comparison(node: Any, _: ast.Module) -> Iterator[Change]:
    for other in COMPARISONS.get(type(node.ops[0]), []):
        said = f"{type(node.ops[0]).__name__} became {other.__name__}"
        yield said, _with("ops", [other()])


def _of_unary(node: Any, _: ast.Module) -> Iterator[Change]:
    yield f"no {type(node.op).__name__}", lambda it: it.operand


def _of_constant(node: Any, _: ast.Module) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        others: list[Any] = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1, -value, 0, 1, 2 * value]
    elif isinstance(value, float):
        others = [2 * value, value / 2, -value, 0.0, 1.0, 1000 * value]
    elif isinstance(value, str):
        others = STRINGS.get(value, [])
        if len(value) == 1:
            others = [chr(ord(value) - 1), value.swapcase()]
    else:
        others = []
    for other in others:
        yield f"{value!r} became {other!r}", _with("value", other)


def _of_call(node: Any, _: ast.Module) -> Iterator[Change]:
    called = node.func
    name = getattr(called, "attr", getattr(called, "id", ""))
    field = "attr" if isinstance(called, ast.Attribute) else "id"
    for other in CONFUSED.get(name, []):

        def renamed(it: Any, other: str = other) -> ast.AST:
            setattr(it.func, field, other)
            return it

        yield f"{name} became {other}", renamed
    if isinstance(called, ast.Attribute):
        yield f"no {name}, only what it is called on", lambda it: it.func.value
    for i in range(len(node.args)):
        if not isinstance(node.args[i], ast.Starred):
            yield f"argument {i} instead of {name}", lambda it, i=i: it.args[i]
        yield f"{name} without argument {i}", _without("args", i)
    if len(node.args) == 2:
        yield f"arguments of {name} swapped", _swapped("args")
    for i, keyword in enumerate(node.keywords):
        yield f"{name} without {keyword.arg}", _without("keywords", i)


def _of_slice(node: Any, _: ast.Module) -> Iterator[Change]:
    for end in ("lower", "upper", "step"):
        if getattr(node, end) is not None:
            yield f"slice without {end}", _with(end, None)
            yield f"{end} one further", lambda it, end=end: _shifted(it, end, ast.Add())
            yield f"{end} one less", lambda it, end=end: _shifted(it, end, ast.Sub())


def _shifted(node: Any, end: str, operator: ast.operator) -> ast.AST:
    setattr(node, end, ast.BinOp(getattr(node, end), operator, ast.Constant(1)))
    return node


def _of_subscript(node: Any, _: ast.Module) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load):
        yield "not indexed", lambda it: it.value


def _of_statement(node: ast.AST, _: ast.Module) -> Iterator[Change]:
    if not isinstance(node, ast.FunctionDef | ast.Import | ast.ImportFrom):
        yield f"no {type(node).__name__}", lambda _: DELETED


def _of_assignment(node: Any, tree: ast.Module) -> Iterator[Change]:
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Name) or not isinstance(value, ast.BinOp):
        return
    if isinstance(value.left, ast.Name):

        def in_place(it: Any) -> ast.AST:
            return ast.AugAssign(it.targets[0], it.value.op, it.value.right)

        if value.left.id == target.id:
            yield "changed in place", in_place


def _of_augmented(node: Any, _: ast.Module) -> Iterator[Change]:
    for other in OPERATORS.get(type(node.op), []):
        yield f"{type(node.op).__name__} became {other.__name__}", _with("op", other())
    yield "replaced instead of added to", lambda it: ast.Assign([it.target], it.value)


def _of_choice(node: Any, _: ast.Module) -> Iterator[Change]:
    yield "condition turned round", lambda it: _negated(it)
    yield "condition always true", _with("test", ast.Constant(True))
    yield "condition never true", _with("test", ast.Constant(False))


def _negated(node: Any) -> ast.AST:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def _of_comprehension(node: Any, _: ast.Module) -> Iterator[Change]:
    for i in range(len(node.ifs)):
        yield "no condition", _without("ifs", i)


def _of_keyword_names(node: Any, tree: ast.Module) -> Iterator[Change]:
    """Use another of the function's variables, the next one in their order."""
    if not isinstance(node.ctx, ast.Load):
        return
    names = _variables(tree)
    if node.id in names and len(names) > 1:
        for step in (1, -1):
            other = names[(names.index(node.id) + step) % len(names)]
            if other != node.id:
                yield f"{node.id} became {other}", _with("id", other)


def _variables(tree: ast.Module) -> list[str]:
    """Return the names of the function's arguments and variables."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found |= dict.fromkeys(argument.arg for argument in node.args.args)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
    return list(found)


RESULTS = ["_.tolist()", "_.long()", "_.flip(0)", "_[..., None]", "_.detach()", "-_"]
RESULTS += ["[_]", "str(_)", "int(_)", "list(_)", "_[::-1]", "_[:1]", "_[1:]", "_[:-1]"]
RESULTS += ["_ + 1", "_ * 2", "print(_)", "tuple(_)", "sorted(_)", "set(_)", "len(_)"]
RESULTS += ["_.transpose(0, 1)", "_.sum()", "torch.tensor(_)", "_.lower()"]


def _of_return(node: Any, tree: ast.Module) -> Iterator[Change]:
    if node.value is None:
        return
    yield "no return", lambda it: ast.Expr(it.value)
    for name in _variables(tree):
        yield f"returns {name}", _with("value", ast.Name(name, ast.Load()))
    for code in RESULTS:

        def wrapped(it: Any, code: str = code) -> ast.AST:
            it.value = _as(code)(it.value)
            return it

        yield f"returns {code.replace('_', '...', 1)}", wrapped


def _of_tuple(node: Any, _: ast.Module) -> Iterator[Change]:
    if isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        yield "the first two swapped", _swapped("elts")
        for i in range(len(node.elts)):
            yield f"only element {i}", lambda it, i=i: it.elts[i]


def _of_dictionary(node: Any, _: ast.Module) -> Iterator[Change]:
    for i in range(len(node.values)):
        for k in range(i):
            yield f"values {k} and {i} swapped", _swapped("values", k, i)


_CHANGES: dict[type, Callable[[Any, ast.Module], Iterator[Change]]] = {
    ast.BinOp: _of_operation,
    ast.Compare: _of_comparison,
    ast.UnaryOp: _of_unary,
    ast.Constant: _of_constant,
    ast.Call: _of_call,
    ast.Slice: _of_slice,
    ast.Subscript: _of_subscript,
    ast.stmt: _of_statement,
    ast.Assign: _of_assignment,
    ast.AugAssign: _of_augmented,
    ast.If: _of_choice,
    ast.While: _of_choice,
    ast.IfExp: _of_choice,
    ast.comprehension: _of_comprehension,
    ast.Name: _of_keyword_names,
    ast.Return: _of_return,
    ast.Tuple: _of_tuple,
    ast.List: _of_tuple,
    ast.Dict: _of_dictionary,
}


def constants(task: Task) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield answers that always give the result of one case, whatever they get."""
    for n, case in enumerate(task.cases[:4]):
        result = task.right(*copy.deepcopy(case))
        yield f"the result of case {n}", lambda *_, result=result: copy.deepcopy(result)


def remember_outcomes(task: Task, monkeypatch: Any) -> None:
    """Run the course's own functions once for each case, not once for each mutant."""
    ours = {task.right, *task.also_right, *task.wrong_ways.values()}
    run, known = judging._outcome, {}

    def outcome(function: Callable[..., Any], case: tuple[Any, ...]) -> Any:
        if function not in ours:
            return run(function, case)
        key = function, id(case)
        if key not in known:
            known[key] = case, run(function, case)  # the case, so that its id is kept
        return known[key][1]

    monkeypatch.setattr(judging, "_outcome", outcome)


# Which of the mutants that pass are right


def differs(
    answer: Callable[..., Any],
    solution: Callable[..., Any],
    task: Task,
    tries: int = 60,
) -> str:
    """Return how an answer that passes differs from the solution, "" if it never does.

    Both get the exercise's own cases, changed at random. Where the task leaves the
    result open, as between two words that are equally frequent, the notebook's solution
    may differ from the course's own function; whoever agrees with either is right.
    """
    wanted = replace(
        task,
        cases=list(_more_cases(task, tries)),
        also_right=(*task.also_right, solution),
        edges={},
        wrong_ways={},
        then=None,
        gradients=False,
    )
    # These are many more calls than in a check, so they have its usual time.
    with patch.object(verdict, "TIME_LIMIT_SECONDS", USUAL_TIME_LIMIT):
        return verdict._run(lambda it: judge(it, wanted), answer) or ""


def _more_cases(task: Task, tries: int) -> Iterator[tuple[Any, ...]]:
    chance, generator = random.Random(0), torch.Generator().manual_seed(0)
    for n in range(tries):
        case = task.cases[n % len(task.cases)]
        changed = tuple(_changed(one, chance, generator) for one in case)
        try:
            result = task.right(*copy.deepcopy(changed))
        except Exception:
            continue  # the change has made an input that nobody would give
        if not _has_nan(result):
            yield changed


def _has_nan(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_has_nan, value))
    if isinstance(value, Tensor) and value.is_floating_point():
        return bool(value.isnan().any())
    return isinstance(value, float) and value != value


def _changed(value: Any, chance: random.Random, generator: torch.Generator) -> Any:
    """Return a value of the same kind: another one where that is safe."""
    if isinstance(value, Tensor):
        return _changed_tensor(value, generator)
    if isinstance(value, list | tuple) and value:
        if all(isinstance(one, str | int) for one in value):
            length = max(1, len(value) + chance.randint(-2, 2))
            return type(value)(chance.choice(value) for _ in range(length))
        return type(value)(_changed(one, chance, generator) for one in value)
    if isinstance(value, str):
        return "".join(chance.sample(value, len(value)))
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return max(1, value + chance.choice([0, 0, 1, -1, 2]))
    if isinstance(value, float):
        return chance.uniform(0.05, 0.95) if 0 < value < 1 else value
    return value


def _changed_tensor(value: Tensor, generator: torch.Generator) -> Tensor:
    if not value.is_floating_point() or not value.numel():
        return value
    new = torch.randn(value.shape, generator=generator, dtype=value.dtype)
    if value.ndim and value.min() >= 0 and (value.sum(-1) - 1).abs().max() < 1e-4:
        return (2 * new).softmax(dim=-1)  # probabilities
    return new * value.std() + value.mean() if value.numel() > 1 else value
