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
# # A coefficient from measurements, with error bars
#
# A rod cools through its side and is kept at two temperatures at its ends. Its conductivity is known, the rate at which it
# loses heat is not, and neither is the temperature of one end. A file holds some measured temperatures.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml

torch.set_num_threads(1)

# %% [markdown]
# ## The measurements
#
# We make the file ourselves, from the solution at a loss of 4 and an end at 1.5, with noise.

# %%
rng = np.random.default_rng(3)
places = np.sort(rng.uniform(0.05, 0.95, 20))
truth = 1.5 * np.sinh(2 * (1 - places)) / np.sinh(2)
path = Path(tempfile.mkdtemp()) / "rod.csv"
np.savetxt(
    path,
    np.column_stack([places, truth + 0.02 * rng.normal(size=20)]),
    delimiter=",",
    header="x,T",
    comments="",
)
data = sciml.Data.from_csv(path, ["x"], "T")

# %% [markdown]
# ## The problem
#
# What is not known is a `sciml.Unknown` with a first guess, in the equation or in a condition.


# %%
class Rod(sciml.PDE):
    domain = sciml.Interval(0, 1)
    loss = sciml.Unknown(1.0, positive=True)
    end = sciml.Unknown(1.0)
    conditions = (sciml.Dirichlet(end, on="x=0"), sciml.Dirichlet(0.0, on="x=1"), data)

    def residual(self, u, x):
        return -u.laplacian() + self.loss * u


solution = sciml.solve(Rod(), progress=False)
solution

# %% [markdown]
# ## What was found
#
# Each coefficient has an interval of 95 %. The noise of the measurements was not told, so it is estimated, too.

# %%
solution.unknown

# %%
solution.noise

# %%
x = np.linspace(0, 1, 101)
low, high = solution.interval(x)
plt.fill_between(x, low.ravel(), high.ravel(), alpha=0.3, label="95 %")
plt.plot(x, solution(x).ravel(), label="found")
plt.plot(places, data.values.numpy().ravel(), "k.", label="measured")
plt.xlabel("x")
plt.legend()

# %% [markdown]
# ## A check
#
# The intervals come from the linearised problem. Perturbing the measurements by their noise and fitting again shows whether
# that was good enough.

# %%
samples = solution.randomised(50)
{name: (found.std, samples.unknown[name].std) for name, found in solution.unknown.items()}

# %% [markdown]
# ## What the data do not tell
#
# Two factors that enter as a product cannot be told apart, however many measurements there are. The solve says so.


# %%
class Split(Rod):
    other = sciml.Unknown(2.0, positive=True)

    def residual(self, u, x):
        return -u.laplacian() + self.loss * self.other * u


split = sciml.solve(Split(), progress=False)
split.unknown, split.stats.notes[-1]
