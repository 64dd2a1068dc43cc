"""Maximising the gain under a budget: greedy, random greedy, backward elimination, every subset.

All take a ``SecondOrder`` model and a budget b and return a boolean mask (R,) with at most b members. For the
quadratic gain, taking i lowers every other marginal by ``Q[:, i]``, so each step is one vector operation on
exact marginals and the whole search costs O(b R); a priority queue of stale upper bounds has nothing left to
save.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciml.arguments import integer
from sciml.errors import ArgumentError
from sciml.rank.second_order import SecondOrder

BRUTE_FORCE_LIMIT = 20  # 2^20 subsets: seconds and tens of megabytes


def greedy(model: SecondOrder, budget: int) -> Tensor:
    """Take the component of largest marginal gain, again and again, until the budget is spent.

    Stops early when the best gain is negative (it never is for a monotone model). For a monotone submodular
    model the gain is at least (1 - 1/e) of the best under the budget (Nemhauser, Wolsey & Fisher 1978). Ties
    take the lowest index.
    """
    b = min(integer("budget", budget, least=0), model.size)
    keep = torch.zeros(model.size, dtype=torch.bool, device=model.c.device)
    gains = model.marginals(keep)
    for _ in range(b):
        i = int(gains.argmax())
        if gains[i] < 0:
            break
        keep[i] = True
        gains = gains - model.Q[:, i]
        gains[keep] = -torch.inf
    return keep


def random_greedy(model: SecondOrder, budget: int, seed: int = 0, draws: int = 8) -> Tensor:
    """Best of ``draws`` runs that b times take a random one of the b largest gains, or nothing.

    For a non-negative submodular gain that need not be monotone, one run has in expectation at least 1/e of
    the best (Buchbinder, Feldman, Naor & Schwartz 2014).
    """
    b = min(integer("budget", budget, least=0), model.size)
    generator = torch.Generator().manual_seed(seed)
    best = torch.zeros(model.size, dtype=torch.bool, device=model.c.device)
    if b == 0:
        return best
    best_gain = 0.0
    for _ in range(draws):
        keep = torch.zeros_like(best)
        gains = model.marginals(keep)
        for _ in range(b):
            candidates = torch.topk(gains, b).indices
            i = candidates[int(torch.randint(b, (1,), generator=generator))]
            if gains[i] <= 0:
                continue
            keep[i] = True
            gains = gains - model.Q[:, i]
            gains[keep] = -torch.inf
        gain = float(model.gain(keep))
        if gain > best_gain:
            best, best_gain = keep, gain
    return best


def backward_elimination(model: SecondOrder, budget: int) -> Tensor:
    """Start with everything; drop the component of least worth until the budget fits and no drop is a gain.

    No guarantee, and no condition on the model either: it also takes a ``Q`` that is not submodular.
    """
    b = min(integer("budget", budget, least=0), model.size)
    keep = torch.ones(model.size, dtype=torch.bool, device=model.c.device)
    worth = model.marginals(keep)
    for kept in range(model.size, 0, -1):
        i = int(worth.argmin())
        if kept <= b and worth[i] >= 0:
            break
        keep[i] = False
        worth = worth + model.Q[:, i]
        worth[~keep] = torch.inf
    return keep


def brute_force(model: SecondOrder, budget: int) -> Tensor:
    """The best of all subsets with at most ``budget`` members; R up to ``BRUTE_FORCE_LIMIT``."""
    b = min(integer("budget", budget, least=0), model.size)
    if model.size > BRUTE_FORCE_LIMIT:
        raise ArgumentError(
            f"brute_force needs at most {BRUTE_FORCE_LIMIT} components for its 2^R subsets, got {model.size}."
        )
    bits = torch.arange(model.size)
    best, best_gain = torch.zeros(model.size, dtype=torch.bool), torch.tensor(0.0, dtype=model.c.dtype)
    for codes in torch.arange(2**model.size).split(2**14):
        masks = (codes[:, None] >> bits) & 1 == 1
        masks = masks[masks.sum(-1) <= b].to(model.c.device)
        if len(masks):
            gains = model.gain(masks)
            top = int(gains.argmax())
            if gains[top] > best_gain:
                best, best_gain = masks[top], gains[top]
    return best.to(model.c.device)
