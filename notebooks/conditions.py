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
# # Conditions, and what becomes of them
#
# A rod that radiates at one end, a plate whose mean is given, and a start that does not fit its walls. Conditions hold
# exactly where they can; where they cannot, a note says why.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.optimize import brentq

import sciml

torch.set_num_threads(1)

# %% [markdown]
# ## A wall that radiates
#
# Heat flows through a rod, $-u'' = 0$, from a wall at 1 to an end that radiates like $u^4$. Any residual of the field
# may be a condition; `n` is the outward normal.


# %%
class Rod(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (
        sciml.Dirichlet(1.0, on="x=0"),
        sciml.Condition("x=1", lambda u, x, n: n * u.d("x") + u**4),
    )

    def residual(self, u, x):
        return -u.d("x", "x")


rod = sciml.solve(Rod(), progress=False)
rod

# %% [markdown]
# The solution is a straight line whose end $e$ solves $e - 1 + e^4 = 0$. The error of the end:

# %%
end = brentq(lambda e: e - 1 + e**4, 0, 1)
print(f"{abs(rod([1.0]).item() - end):.1e}")

# %% [markdown]
# ## Which ones are exact?
#
# `hard` lists them. The others are terms of the loss, balanced by themselves.

# %%
rod.stats.hard

# %% [markdown]
# ## A mean instead of a value
#
# A plate with no flux through its sides is known up to a constant. Its mean tells it. The answer is
# $\cos(\pi x)\cos(\pi y) + 3$.


# %%
class Plate(sciml.PDE):
    domain = sciml.Box([0, 0], [1, 1], names=("x", "y"))
    conditions = (sciml.Neumann(0.0), sciml.Condition("inside", lambda u, x: u - 3.0, mean=True))

    def residual(self, u, x):
        return -u.laplacian() - 2 * torch.pi**2 * torch.cos(torch.pi * x).prod(1, keepdim=True)

    def exact(self, x):
        return torch.cos(torch.pi * x).prod(1, keepdim=True) + 3


plate = sciml.solve(Plate(), max_time=15, progress=False)
print(f"error {plate.error():.1e}, estimated {plate.error_estimate().value:.1e}")
plate.plot("solution")

# %% [markdown]
# Without that condition, `check` says what is open before anything is trained.


# %%
class Open(Plate):
    conditions = (sciml.Neumann(0.0),)


sciml.check(Open()).notes

# %% [markdown]
# ## A start that does not fit
#
# A tent is no smooth start: built in, its kink would stay for all times. It becomes a penalty, and the note says so.


# %%
class Tent(sciml.PDE):
    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Initial(lambda x: 0.5 - (x[:, 1:] - 0.5).abs()))

    def residual(self, u, x):
        return u.d("t") - 0.1 * u.d("x", "x")


tent = sciml.solve(Tent(), max_time=10, progress=False)
tent.stats.notes

# %%
x = np.linspace(0, 1, 201)
for t in (0, 0.02, 0.1, 0.5):
    plt.plot(x, tent(np.full_like(x, t), x).ravel(), label=f"t = {t}")
plt.xlabel("x")
plt.ylabel("u")
plt.legend()
