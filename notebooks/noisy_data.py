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
# # How much noise can it take?
#
# The diffusivity of a rod from 60 measurements, with more and more noise. The answer should get vaguer, and say so.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml

torch.set_num_threads(1)
TRUE = 0.3
rng = np.random.default_rng(4)
points = rng.uniform(size=(60, 2))  # t, x
clean = np.exp(-TRUE * np.pi**2 * points[:, 0]) * np.sin(np.pi * points[:, 1])
bumps = rng.normal(size=60)


# %%
def fit(noise, told=True):
    class Rod(sciml.PDE):
        domain = sciml.TimeInterval(0, 1) * sciml.Interval(0, 1)
        D = sciml.Unknown(1.0, positive=True)
        conditions = (
            sciml.Dirichlet(0.0),
            sciml.Initial(lambda x: torch.sin(torch.pi * x[:, 1:])),
            sciml.Data(points, clean + noise * bumps, noise=noise if told else None),
        )

        def residual(self, u, x):
            return u.d("t") - self.D * u.d("x", "x")

    return sciml.solve(Rod(), max_time=15, progress=False)


levels = [0.001, 0.01, 0.05, 0.2]
fits = [fit(noise) for noise in levels]
for noise, solution in zip(levels, fits, strict=True):
    print(f"noise {noise:5.3f}:", solution.unknown["D"])

# %% [markdown]
# The interval of 95 % widens with the noise, and holds the truth. A network fitted to the points alone would follow the
# noise; here the equation counts, and the measurements choose among its solutions.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
for noise, solution in zip(levels, fits, strict=True):
    found = solution.unknown["D"]
    if found.low is not None:
        left.plot([noise, noise], [found.low, found.high], "C0", lw=3)
    left.plot(noise, found.value, "ko")
left.axhline(TRUE, color="grey", lw=1)
left.set(xscale="log", xlabel="noise", ylabel="diffusivity, with 95 %")

x = np.linspace(0, 1, 101)
grid = np.column_stack([np.full_like(x, 0.2), x])
low, high = fits[-1].interval(grid)
right.fill_between(x, low.ravel(), high.ravel(), alpha=0.3, label="95 %, noise 0.2")
right.plot(x, fits[-1](grid).ravel(), label="found")
right.plot(x, np.exp(-TRUE * np.pi**2 * 0.2) * np.sin(np.pi * x), "k--", lw=1, label="true")
right.set(xlabel="x", ylabel="u at t = 0.2")
right.legend()
figure.tight_layout()

# %% [markdown]
# ## Noise that nobody told
#
# Left out, the noise is estimated from the misfit.

# %%
guessed = fit(0.05, told=False)
print(guessed.unknown["D"], guessed.noise)
