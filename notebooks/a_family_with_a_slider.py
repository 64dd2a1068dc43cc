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
# # A family with a slider
#
# A wind carries heat to a cold wall: $-\varepsilon u'' + u' = 1$ on $[0, 1]$ with $u = 0$ at both ends. Before the wall
# lies a layer about $\varepsilon$ thick. We solve the equation once, let the family solve a few members more, and then
# move $\varepsilon$ by hand: every position of the slider is a small solve of its own, with an error estimate.

# %%
from dataclasses import dataclass

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml

torch.set_num_threads(1)


@dataclass(frozen=True)
class Wall(sciml.PDE):
    eps: float = 0.2
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -self.eps * u.d("x", "x") + u.d("x") - 1.0

    def exact(self, x):
        return x - torch.expm1(x / self.eps) / torch.expm1(torch.tensor(1 / self.eps, dtype=x.dtype))


base = sciml.solve(Wall(), accuracy=1e-6, progress=False)
print(f"error {base.error():.1e}, estimated {base.stats.error_estimate:.1e}")

# %% [markdown]
# ## A few are solved, the others spanned
#
# Twenty-one members between $\varepsilon = 0.1$ and $0.5$. The family solves those whose estimated error asks for it.

# %%
members = Wall().family(eps=[round(0.1 + 0.02 * k, 2) for k in range(21)])
family = base.finetune_family(members, accuracy=1e-4, progress=False)
print("solved:", ", ".join(family.solved))
print(f"largest error of all members: {max(s.error() for s in family.solutions.values()):.1e}")

# %% [markdown]
# ## The slider
#
# `family.surrogate()` is a function of the point and of the parameter; `at` gives a member, which knows how good it
# is. A page cannot move, so below the slider stands what it shows at five positions; run the notebook to
# move it.

# %%
u = family.surrogate()
x = np.linspace(0, 1, 401)


def show(eps=0.15):
    member = u.at(eps=eps)
    _, axis = plt.subplots(figsize=(5, 3))
    axis.plot(x, member(x))
    axis.set(
        xlabel="x",
        ylabel="u",
        ylim=(0, 0.85),
        title=f"eps = {eps:.3f}, estimated error {member.stats.error_estimate:.0e}",
    )
    plt.show()


ipywidgets.interactive(
    show, eps=ipywidgets.FloatSlider(0.15, min=0.1, max=0.5, step=0.005, continuous_update=False)
)

# %%
_, axis = plt.subplots(figsize=(6, 3.6))
for eps, colour in zip((0.11, 0.15, 0.21, 0.31, 0.47), plt.cm.viridis(np.linspace(0, 0.85, 5)), strict=True):
    axis.plot(x, u(x, eps=eps), color=colour, label=f"{eps:.2f}")
axis.set(xlabel="x", ylabel="u", ylim=(0, 0.85))
_ = axis.legend(title="eps", frameon=False)

# %% [markdown]
# ## Is it right between the members?
#
# At forty positions that no member has, against the exact solution, beside what the estimate says.

# %%
places = np.linspace(0.101, 0.499, 40)
found = [u.at(eps=float(eps)) for eps in places]
errors = np.array([member.error() for member in found])
estimates = np.array([member.stats.error_estimate for member in found])
_, axis = plt.subplots(figsize=(6, 3.2))
axis.semilogy(places, errors, "o", ms=4, label="error")
axis.semilogy(places, estimates, "x", ms=5, label="estimated")
axis.set(xlabel="eps", ylabel="relative L2 error")
axis.legend(frameon=False)
print(
    f"largest error {errors.max():.1e}; estimates are {np.min(estimates / errors):.2g} to "
    f"{np.max(estimates / errors):.2g} times the errors"
)

# %% [markdown]
# ## What to take from it
#
# Four solves answer for every $\varepsilon$ from 0.1 to 0.5: at forty positions in between the largest error is 3e-5. The
# estimate is within a factor of 1.2 of it, so the number above the slider can be relied on here.
