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
# # A chaotic evolution in windows
#
# Lorenz's equations of convection forget where they began: neighbouring solutions part like $e^{0.9 t}$, fifty thousandfold
# in twelve units of time. One network over all that time may satisfy the equations nearly everywhere and still be wrong. A
# chain of short windows follows: each begins exactly where the last one ends.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml

torch.set_num_threads(1)


class Lorenz(sciml.PDE):
    unknowns = ("x", "y", "z")
    domain = sciml.TimeInterval(0, 12)
    conditions = tuple(sciml.Initial(1.0, component=name) for name in "xyz")

    def residual(self, u, t):
        x, y, z = u["x"], u["y"], u["z"]
        return x.d("t") - 10 * (y - x), y.d("t") - x * (28 - z) + y, z.d("t") - x * y + 8 / 3 * z


# %% [markdown]
# `windows="auto"` makes each window as long as its residual allows.

# %%
solution = sciml.solve(Lorenz(), windows="auto", max_time=120, progress=False)
windows = solution.trial.windows
print(f"{len(windows)} windows until t = {solution.trial.until:g}")
print(f"estimated error {solution.stats.error_estimate or float('nan'):.1e}")

# %% [markdown]
# SciPy's Runge-Kutta method of order 8, at a tolerance of $10^{-13}$, is an answer to compare with; the estimate
# did not know it.

# %%
from scipy.integrate import solve_ivp


def slope(_, u):
    x, y, z = u
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


t = np.linspace(0, solution.trial.until, 1500)
truth = solve_ivp(slope, (0, 12), [1, 1, 1], "DOP853", rtol=1e-13, atol=1e-13, t_eval=t).y.T
found = np.asarray(solution(t))
print(f"relative error {np.linalg.norm(found - truth) / np.linalg.norm(truth):.1e}")

# %% [markdown]
# The butterfly, with a dot where a window begins, and the error as it grows: about as $e^{0.9 t}$, the equations' own rate,
# from the rounding of the first windows.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
starts = np.array([window.span.low for window in windows])
begin = np.asarray(solution(starts))
left.plot(found[:, 0], found[:, 2], lw=0.7)
left.plot(begin[:, 0], begin[:, 2], "k.", ms=4)
left.set(xlabel="x", ylabel="z")
right.semilogy(t, np.linalg.norm(found - truth, axis=1), lw=0.8, label="error")
right.semilogy(t, 1e-13 * np.exp(0.9 * t), "k--", lw=1, label="$10^{-13} e^{0.9 t}$")
right.set(xlabel="t", ylabel="distance to SciPy's answer")
right.legend()
figure.tight_layout()

# %% [markdown]
# Two starts, $10^{-6}$ apart. The solutions part, and both are right.

# %%


class Beside(Lorenz):
    conditions = tuple(sciml.Initial(1.0 + 1e-6 * (name == "x"), component=name) for name in "xyz")


other = sciml.solve(Beside(), windows="auto", max_time=120, progress=False)
both = t[t <= min(solution.trial.until, other.trial.until)]
figure, axes = plt.subplots(figsize=(10, 3))
axes.plot(both, np.asarray(solution(both))[:, 0], label="from (1, 1, 1)")
axes.plot(both, np.asarray(other(both))[:, 0], "--", label="from (1.000001, 1, 1)")
axes.set(xlabel="t", ylabel="x")
axes.legend()
figure.tight_layout()
