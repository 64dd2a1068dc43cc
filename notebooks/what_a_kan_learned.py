# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What a KAN has learned
#
# An MLP that has solved an equation is a heap of numbers. In a Kolmogorov–Arnold network every edge is a function of one
# number, which can be drawn, cut off, and read. We solve an equation whose solution is `exp(sin(pi x) + y²)` and see whether
# the network tells us so.

# %%
import math

import torch

import sciml
from sciml import nn

torch.set_num_threads(1)

# %% [markdown]
# ## The equation
#
# The conditions are penalties, so that the network itself is the solution; the domain is [-1, 1]², so that its inputs are
# `x` and `y` themselves.


# %%
def solution(x):
    return torch.exp(torch.sin(math.pi * x[:, :1]) + x[:, 1:] ** 2)


class Bumps(sciml.PDE):
    domain = sciml.Box((-1, -1), (1, 1))
    conditions = (sciml.Dirichlet(solution, hard=False),)

    def source(self, x):
        s, c, y = torch.sin(math.pi * x[:, :1]), torch.cos(math.pi * x[:, :1]), x[:, 1:]
        return torch.exp(s + y**2) * (math.pi**2 * (c**2 - s) + 4 * y**2 + 2)

    def residual(self, u, x):
        return u.laplacian() - self.source(x)

    def exact(self, x):
        return solution(x)


# %% [markdown]
# ## A network that is a little too wide
#
# Two hidden units, six edges.

# %%
kan = nn.KAN([2, 2, 1], grid=4, degree=5, base=False)
wide = sciml.solve(Bumps(), kan, max_steps=200, progress=False)
print(wide)

# %%
wide.network.plot(inputs=["x", "y"], outputs=["u"])

# %% [markdown]
# The ink of an edge is the share of the output that it carries. One of the two units carries nearly all of it.

# %%
for layer in wide.network.shares():
    print(layer)

# %% [markdown]
# ## Cut, and trained again
#
# What is left out goes on as its mean, so that training continues from nearly the same function.

# %%
small = sciml.solve(Bumps(), wide.network.prune(0.05), max_steps=300, progress=False)
print(small)
small.network.plot(inputs=["x", "y"], outputs=["u"])

# %% [markdown]
# ## Read
#
# Every edge is fitted with eleven elementary functions, and the simplest one that is near enough stands for it. The formula
# is the solution, to three digits.

# %%
formula = small.network.symbolic(inputs=["x", "y"])
print(formula)
for edge in formula.edges:
    where = f"layer {edge.layer}, edge {edge.source}"
    print(f"{where}: {edge.function}, error {edge.error:.1e}, share {edge.share:.0%}")
