# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # When it fails, and how to see it
#
# A small loss does not make a right answer. Five ways to be wrong, and where to look.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml
from sciml import nn

torch.set_num_threads(1)


# %% [markdown]
# ## Stopped too early
#
# A boundary layer of width 0.003, and a small network of one's own. After 30 steps it has not found the layer. The outcome
# is a limit, and the estimated error is of the size of the solution.


# %%
class Layer(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)
    width = 0.003

    def residual(self, u, x):
        return -self.width * u.d("x", "x") + u.d("x") - 1.0

    def exact(self, x):
        return x - torch.exp((x - 1) / self.width) + torch.exp(torch.tensor(-1 / self.width))


def told(solution):
    estimate = solution.error_estimate().value or float("nan")
    return f"{solution.outcome}: error {solution.error():.1e}, estimated {estimate:.1e}"


early = sciml.solve(Layer(), nn.MLP([1, 12, 12, 1], seed=0), max_steps=30, progress=False)
print(told(early))

# %% [markdown]
# Left to itself, the solve sees in the coefficients where the layer is, and takes a spline with knots there.

# %%
placed = sciml.solve(Layer(), progress=False)
print(told(placed))
placed.stats.notes

# %%
x = np.linspace(0.9, 1, 400)
plt.plot(x, early(x).ravel(), label="a network, 30 steps")
plt.plot(x, placed(x).ravel(), label="a spline with knots in the layer")
plt.plot(x, Layer().exact(torch.tensor(x)[:, None]).ravel(), "k--", lw=1, label="exact")
plt.xlabel("x")
plt.legend()

# %% [markdown]
# ## Something left open
#
# Heat without a start: the residual vanishes for many functions, and a solve finds one of them. The estimate is `None`,
# and the notes say what is missing.


# %%
class Open(sciml.PDE):
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return u.d("t") - 0.1 * u.d("x", "x")


opened = sciml.solve(Open(), max_steps=10, progress=False)
print(opened.outcome, opened.error_estimate().value)
opened.stats.notes

# %% [markdown]
# ## A contradiction
#
# Two values at one place are refused before training.


# %%
class Both(Layer):
    conditions = (sciml.Dirichlet(0.0), sciml.Dirichlet(1.0, on="x=0"))


try:
    sciml.solve(Both(), max_steps=1, progress=False)
except sciml.ArgumentError as error:
    print(error)


# %% [markdown]
# ## A coefficient that jumps
#
# As written, nothing asks the flux to be continuous where `k` jumps. The note asks for an `Interface`.


# %%
class Jump(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0, on="x=0"), sciml.Dirichlet(1.0, on="x=1"))

    def residual(self, u, x):
        return torch.where(x < 0.5, 1.0, 10.0) * u.d("x", "x")


sciml.check(Jump()).notes

# %% [markdown]
# ## Where to look first
#
# | look at | it tells |
# |---|---|
# | `solution.summary()` | outcome, estimated error, notes |
# | `sciml.check(problem)` | before training: contradictions, kinks, what is open |
# | `solution.plot("residual")` | where the equation is not met |
# | `solution.plot("error")` | where the solution would move, without a reference, too |
# | `solution.stats.attempts` | what else was tried |

# %%
early.plot("residual")
