"""What the checks look with: points, smooth fields in closed form, and calls of a user's functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sciml.conditions import Condition
from sciml.derivatives import DerivativeSource, Pairs, RecordingSource, Sum
from sciml.errors import ArgumentError, SciMLError

if TYPE_CHECKING:
    from sciml.problem import PDE

WAVES = 3  # in each unknown of the probe
NUDGES = (0.1, 1e6, 1e13)  # a term of size 1e15 does not feel the first
COLUMN = "A column of x is x[:, :1], of shape (n, 1); x[:, 0] has shape (n,)."
ADVICE = {  # by what an exception says
    "only one element tensors": "Functions of math take one number: write torch.sin and the like.",
    "only length-1 arrays": "Functions of math take one number: write torch.sin and the like.",
    "Boolean value of Tensor": "Write torch.where(condition, one, other) in the place of if.",
    "Can't call numpy() on Tensor that requires grad": (
        "NumPy does not see the gradient of the unknown: write torch functions of it, and torch.as_tensor(...) around "
        "arrays that are made of x alone."
    ),
    "does not require grad": 'Derivatives of the unknown are u.d("x"), u.d("x", "x") and so on, by the coordinates\' names.',
    "'Field' object is not callable": "The field is at the points already: write u in the place of u(x).",
    "positional argument": "",
}


@contextmanager
def double_by_default() -> Iterator[None]:
    """Float64 as the default dtype: torch's Sobol sequence makes its first point in the default one."""
    kept = torch.get_default_dtype()
    if kept == torch.float64:
        yield
        return
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(kept)


def sampled(draw: Callable[[int, int], Tensor], n: int, seed: int = 0) -> Tensor:
    """Points ``draw(n, seed)``, the same whatever the default dtype is."""
    with double_by_default():
        return draw(n, seed).detach()


def interior(problem: PDE, n: int, seed: int = 0) -> Tensor:
    """Up to n points that the problem would be trained on: ``(n, d)`` float64.

    Raises:
        ArgumentError: ``problem.sample`` returns something else.
    """
    with double_by_default():
        x = call(f"sample of {type(problem).__name__}", problem.sample, n, seed)
    d = problem.domain.dim
    if not isinstance(x, Tensor) or x.ndim != 2 or x.shape[1] != d or len(x) == 0:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ArgumentError(
            f"sample of {type(problem).__name__} needs to return shape ({n}, {d}), got {got}."
        )
    return x.detach().to("cpu", torch.float64)[:n]


def highest_order(problem: PDE) -> int:
    """The highest order of derivatives in the residual and in general conditions; 0 where these cannot be run."""
    domain = problem.domain

    def asked(draw: Callable[[], Tensor], ask: Callable[[Any, Tensor], object]) -> int:
        try:
            x = draw()
            recorder = RecordingSource(Waves(x, domain.lower, domain.upper, len(problem.unknowns)))
            ask(problem.field(recorder), x)
        except Exception:  # whatever it raises: it is run again, and its failures are named, by the checks
            return 0
        sums = [*recorder.highers, *recorder.seconds, *(((i,),) for i in recorder.firsts)]
        return max((len(axes) for terms in sums for axes in terms), default=0)

    found = [asked(lambda: interior(problem, 7), problem.residual_terms)]
    for condition in problem.conditions:
        if isinstance(condition, Condition):
            place = condition.place(domain)
            found.append(
                asked(
                    lambda place=place: sampled(place.draw, 7),
                    lambda u, x, c=condition, place=place: c.parts(place, u, x),
                )
            )
    return max(found)


def call(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """A user's function of points, with its failures named.

    Tensors among the arguments are handed over as copies.

    Raises:
        ArgumentError: It raises, or it writes into its argument.
    """
    given = [a.clone() if isinstance(a, Tensor) else a for a in arguments]
    try:
        out = function(*given)
    except SciMLError:
        raise
    except Exception as error:
        shapes = [str(tuple(a.shape)) for a in arguments if isinstance(a, Tensor)]
        where = f" at points of shape {', '.join(shapes)}" if shapes else ""
        said = str(error).strip().split("\n")[0].rstrip(".")
        advice = next((text for part, text in ADVICE.items() if part in said), COLUMN)
        raise ArgumentError(
            f"{what} needs to run{where}, got {type(error).__name__}: {said}. {advice}".rstrip()
        ) from error
    for before, after in zip(arguments, given, strict=True):
        if isinstance(before, Tensor) and not (
            before.shape == after.shape and torch.equal(before, after.detach())
        ):
            raise ArgumentError(
                f"{what} needs to leave its argument x as it is, got a function that writes into it. "
                "Begin it with x = x.clone()."
            )
    return out


class Waves:
    """A smooth field ``(n, m)``, about 1.5 and positive, with derivatives of every order in closed form.

    Unknown j is ``1.5 + sum_k a_jk sin(w_jk . s + p_jk)`` in coordinates s that are scaled to the domain. Nothing here
    carries a graph, so a term that requires a gradient holds a trainable tensor of its own.

    Args:
        x: Points, ``(n, d)``.
        lower, upper: Bounding box of the domain.
        unknowns: m.
        seed: Different seeds make different fields.
        scale: Factor of the whole field.
    """

    def __init__(
        self, x: Tensor, lower: Tensor, upper: Tensor, unknowns: int, seed: int = 0, scale: float = 1.0
    ):
        rng = torch.Generator().manual_seed(seed + 1)
        shape = (unknowns, WAVES)

        def draw(*size: int) -> Tensor:
            return torch.rand(*size, generator=rng, dtype=torch.float64).to(x)

        span = (upper - lower).to(x)
        d = len(span)
        sign = torch.where(draw(*shape, d) < 0.5, -1.0, 1.0).to(x)
        self.w = sign * (1.0 + 2.0 * draw(*shape, d)) / (span * math.sqrt(d))  # (m, K, d)
        self.a = scale * (0.1 + 0.2 * draw(*shape))  # (m, K), sums below 0.9
        self.phase = torch.einsum("nd,mkd->nmk", x - lower.to(x), self.w) + 2 * math.pi * draw(*shape)
        self.middle = 1.5 * scale

    def _sum(self, factor: Tensor | float, order: int) -> Tensor:
        return (self.a * factor * torch.sin(self.phase + order * math.pi / 2)).sum(-1)

    @property
    def value(self) -> Tensor:
        return self.middle + self._sum(1.0, 0)

    def first(self, i: int) -> Tensor:
        return self._sum(self.w[..., i], 1)

    def second(self, pairs: Pairs) -> Tensor:
        factor = torch.zeros_like(self.a)
        for i, j in pairs:
            factor = factor + self.w[..., i] * self.w[..., j]
        return self._sum(factor, 2)

    def total(self, terms: Sum) -> Tensor:
        return torch.stack([self.higher(axes) for axes in terms]).sum(0)

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self._sum(self.w[..., list(axes)].prod(-1), len(axes))


class Zero:
    """The field that is zero, ``(n, m)``."""

    def __init__(self, x: Tensor, unknowns: int):
        self.value = x.new_zeros(len(x), unknowns)

    def first(self, i: int) -> Tensor:
        return self.value.clone()

    def second(self, pairs: Pairs) -> Tensor:
        return self.value.clone()

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self.value.clone()

    def total(self, terms: Sum) -> Tensor:
        return self.value.clone()


Question = Sum  # ((),) is the value


class Nudged:
    """``inner`` with the answers to some questions changed in the column of one unknown.

    Args:
        inner: Answers.
        questions: Whose answers to change.
        unknown: Column.
        size: The change is ``size (1 + |answer|)``, or ``size`` itself where ``flat``.
    """

    def __init__(
        self,
        inner: DerivativeSource,
        questions: set[Question],
        unknown: int,
        size: float,
        flat: bool = False,
    ):
        self._inner, self._questions, self._unknown = inner, questions, unknown
        self._size, self._flat = size, flat

    def _answer(self, question: Question, answer: Tensor) -> Tensor:
        if question not in self._questions:
            return answer
        j = self._unknown
        out = answer.clone()
        out[:, j] += self._size if self._flat else self._size * (1 + answer[:, j].abs())
        return out

    @property
    def value(self) -> Tensor:
        return self._answer(((),), self._inner.value)

    def first(self, i: int) -> Tensor:
        return self._answer(((i,),), self._inner.first(i))

    def second(self, pairs: Pairs) -> Tensor:
        return self._answer(pairs, self._inner.second(pairs))

    def higher(self, axes: tuple[int, ...]) -> Tensor:
        return self._answer((axes,), self._inner.higher(axes))

    def total(self, terms: Sum) -> Tensor:
        return self._answer(terms, self._inner.total(terms))
