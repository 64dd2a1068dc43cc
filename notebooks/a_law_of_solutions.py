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
# # Random data, a random solution
#
# A heated rod is kept at 0 at both ends, $-k u'' = 1$ on $[0, 1]$. Its conductivity is known up to a third or so:
# $k = e^{0.3\,\xi}$ with $\xi$ from a normal distribution. How warm does the rod get? The answer is a law. It
# has a closed form, $u = e^{-0.3\,\xi} x (1 - x) / 2$, so that we can see how far the computed one is off.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import lognorm, norm

import sciml
from sciml import nn
from sciml.stats import wasserstein1

torch.set_num_threads(1)
SPREAD = 0.3


class Rod(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def __init__(self, xi):
        self.conductivity = math.exp(SPREAD * xi)

    def residual(self, u, x):
        return -self.conductivity * u.d("x", "x") - 1.0


# %% [markdown]
# ## From draws
#
# `sciml.solve_law` takes a function that makes the problem of a draw, and the draws. It solves some of them and
# interpolates the others by polynomials, whose degree rises until three solves that were left out agree. The note says how
# many solves it took.

# %%
xi = torch.randn(4000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
law = sciml.solve_law(Rod, draws=xi, model=nn.MLP([1, 10, 1]), tol=1e-3, max_steps=30)
print(*law.notes, sep="\n")

# %% [markdown]
# The mean, the band that nine of ten rods stay in, and the closed form of both (dashed):

# %%
x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
shape = (x * (1 - x) / 2)[:, 0]
low, high = (law.quantile(x, q, n=4000) for q in (0.05, 0.95))
_, axis = plt.subplots(figsize=(6, 3.6))
axis.fill_between(x[:, 0], low, high, alpha=0.25, label="nine of ten")
axis.plot(x, law.mean(x, n=4000), label="mean")
axis.plot(x, shape * math.exp(SPREAD**2 / 2), "k--", lw=1, label="closed form")
for q in (0.05, 0.95):
    axis.plot(x, shape * lognorm.ppf(q, SPREAD), "k--", lw=1)
axis.set(xlabel="x", ylabel="u")
_ = axis.legend(frameon=False)

# %% [markdown]
# ## How far is it off?
#
# At the middle of the rod $8u$ is log-normal. Two errors add up: that of the interpolated solves, which we see against the
# exact solutions at the same draws, and that of having 4000 draws only.

# %%
middle = torch.tensor([[0.5]], dtype=torch.float64)
found = law.at(law.draws, middle)[:, 0]
same_draws = torch.exp(-SPREAD * xi) / 8
closed = torch.as_tensor(lognorm.ppf((np.arange(200_000) + 0.5) / 200_000, SPREAD) / 8)
mean = math.exp(SPREAD**2 / 2) / 8
std = mean * math.sqrt(math.expm1(SPREAD**2))
print(f"{'':22s}{'mean':>9s}{'std':>9s}{'W1':>9s}   relative errors")
for name, value, truth, moments in (
    ("interpolated solves", found, same_draws, (same_draws.mean(), same_draws.std())),
    ("exact, 4000 draws", same_draws, closed, (mean, std)),
    ("both", found, closed, (mean, std)),
):
    off = [abs(float(a) / float(b) - 1) for a, b in zip((value.mean(), value.std()), moments, strict=True)]
    print(f"{name:22s}{off[0]:9.0e}{off[1]:9.0e}{wasserstein1(value, truth) / std:9.0e}")

# %% [markdown]
# `W1` is the Wasserstein-1 distance as a share of the standard deviation.

# %%
_, axis = plt.subplots(figsize=(6, 3.2))
u = np.linspace(0.04, 0.32, 200)
axis.hist(found.numpy(), 60, density=True, alpha=0.4, label="computed")
axis.plot(u, lognorm.pdf(u, SPREAD, scale=1 / 8), "k--", lw=1, label="closed form")
axis.set(xlabel="temperature at the middle", ylabel="density")
_ = axis.legend(frameon=False)

# %% [markdown]
# ## From snapshots
#
# Now the conductivity is 1, and the ends have random temperatures of which nobody told the law: there are 1000 snapshots of
# both. A generator, a network of $x$ and of random numbers, learns to satisfy the equation and to have ends like the
# snapshots. At the middle the exact law is normal, with mean $1 + 1/8$ and standard deviation $0.3/\sqrt 2$.


# %%
class Ends(sciml.PDE):
    domain = sciml.Interval(0, 1)
    conditions = ()

    def residual(self, u, x):
        return -u.d("x", "x") - 1.0


ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
snapshots = 1 + SPREAD * torch.randn(1000, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
generated = sciml.solve_law(Ends(), snapshots=(ends, snapshots), steps=100)
without = sciml.solve_law(Ends(), snapshots=(ends, snapshots), steps=100, latent=0)

# %% [markdown]
# The second generator gets no random numbers, so it can only learn the mean. Its mean passes the test, and its notes name
# what is wrong all the same:

# %%
exact = torch.as_tensor(norm.ppf((np.arange(20_000) + 0.5) / 20_000, 1 + 1 / 8, SPREAD / math.sqrt(2)))
for name, one in (("with spread", generated), ("without", without)):
    value = one.sample(middle, 4000)[:, 0]
    print(f"{name}: mean {value.mean():.3f}, std {value.std():.3f}, W1 {wasserstein1(value, exact):.3f}")
    print(*(one.notes or ["no notes"]), sep="\n")

# %%
_, axis = plt.subplots(figsize=(6, 3.2))
for name, one, style in (("with spread", generated, "C0"), ("without", without, "C3")):
    value = one.sample(x, 4000)
    axis.plot(x, value.mean(0), style, label=f"{name}: mean, and two standard deviations")
    axis.fill_between(
        x[:, 0], value.mean(0) - 2 * value.std(0), value.mean(0) + 2 * value.std(0), color=style, alpha=0.2
    )
axis.set(xlabel="x", ylabel="u")
_ = axis.legend(frameon=False)

# %% [markdown]
# ## What to take from it
#
# Where the law of the data is known, draw from it. Fourteen solves give the law of 4000 rods, and its spread is off by 4e-4.
# Having 4000 draws only costs ten times as much.
#
# From snapshots less is certain. Here the generator's mean at the middle is right to three digits and its spread to 2 %; its
# Wasserstein-1 distance is 0.03 standard deviations. Its notes tolerate more than that, so no note is no proof of so many
# digits.
