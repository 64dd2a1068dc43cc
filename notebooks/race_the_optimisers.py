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
# # Race the optimisers
#
# The same problem, network, start and points; only the optimiser differs. A 2-D Poisson problem with an MLP of 501
# parameters, a few seconds each.

# %%
import matplotlib.pyplot as plt
import torch

import sciml
from sciml import nn, optim, pdes

torch.set_num_threads(1)
SECONDS = 2.0


def race(optimizer, **limits):
    return sciml.solve(
        pdes.Poisson(2),
        nn.MLP([2, 20, 20, 1], "sine", seed=1),
        optimizer=optimizer,
        tol=0.0,
        progress=False,
        **(limits or {"max_time": SECONDS}),
    )


# %% [markdown]
# `gn-arc` is the default: Gauss-Newton with a cubic model. `lm` is Levenberg-Marquardt, `gn-arcm` adds momentum. `ssbroyden`
# and `lbfgs` see gradients only; `adam` is what most libraries start with.

# %%
names = ["gn-arc", "gn-arcm", "lm", "ssbroyden", "lbfgs", "adam"]
for name in names:
    race(name, max_steps=1)  # a method's first step imports what it needs
runs = {name: race(name) for name in names}

# %%
figure, (over_time, over_steps) = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
for name, solution in runs.items():
    errors = [row["error"] for row in solution.history]
    over_time.semilogy([row["seconds"] for row in solution.history], errors, label=name)
    over_steps.loglog([max(row["step"], 1) for row in solution.history], errors)
over_time.set(xlabel="seconds", ylabel="relative L2 error")
over_steps.set(xlabel="steps")
over_time.legend()
figure.tight_layout()

# %%
for name, solution in runs.items():
    print(f"{name:10s} {solution.stats['steps']:6d} steps   error {solution.error():.1e}")
assert runs["gn-arc"].error() < 1e-2 * runs["adam"].error()

# %% [markdown]
# ## What geodesic acceleration is worth
#
# The Gauss-Newton step takes the residual to be linear. One more residual evaluation measures its second derivative along
# the step and corrects the step. An optimiser is a value, so an option is an argument of `optim.method`.

# %%
for label, method in {
    "with": optim.method("lm"),
    "without": optim.method("lm", geodesic=False),
}.items():
    solution = race(method)
    print(f"{label:8s} {solution.stats['steps']:5d} steps   error {solution.error():.1e}")

# %% [markdown]
# ## The same methods without a PDE
#
# `optim.minimize` and `optim.least_squares` take any torch function and return SciPy's `OptimizeResult`. Here the usual
# saddle trap: a start on the ridge of a function whose gradient there points at a saddle.

# %%


def valley(x):
    return 0.25 * x[1] ** 4 - 0.5 * x[1] ** 2 + 0.5 * x[0] ** 2


found = optim.minimize(valley, torch.tensor([1.0, 0.0], dtype=torch.float64), method="arc")
print(found.message, found.x, found.nit, "iterations")
