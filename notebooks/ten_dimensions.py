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
# # Ten dimensions
#
# A grid of ten points a side has $10^{10}$ points in ten dimensions. A network is trained on a few thousand random ones.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml

torch.set_num_threads(1)
DIM = 10

# %% [markdown]
# $-\Delta u = f$ on $[0, 1]^{10}$ for $u = \sin(s)$, $s = \frac{1}{10}\sum_i x_i + \frac{1}{2} x_1 x_2$. All of it is
# given as values on the boundary; as a penalty, since built in they would hand over the answer.


# %%
def phase(x):
    return x.mean(1, keepdim=True) + x[:, :1] * x[:, 1:2] / 2


class Poisson(sciml.PDE):
    domain = sciml.Box([0] * DIM, [1] * DIM)
    conditions = (sciml.Dirichlet(lambda x: torch.sin(phase(x)), hard=False),)

    def residual(self, u, x):
        slope = torch.full_like(x, 1 / DIM)
        slope[:, 0] += x[:, 1] / 2
        slope[:, 1] += x[:, 0] / 2
        return -u.laplacian() - torch.sin(phase(x)) * slope.square().sum(1, keepdim=True)

    def exact(self, x):
        return torch.sin(phase(x))


solution = sciml.solve(Poisson(), points=1000, max_time=25, progress=False)
solution

# %%
print(f"error {solution.error():.1e}, estimated {solution.error_estimate().value or float('nan'):.1e}")

# %% [markdown]
# Of more than two coordinates a picture shows a plane. `axes` chooses it, `at` the others.

# %%
solution.plot("solution", axes=("x1", "x2"), at={"x10": 0.9})

# %% [markdown]
# Along the diagonal, and how the error fell:

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
s = np.linspace(0, 1, 101)
diagonal = np.repeat(s[:, None], DIM, 1)
left.plot(s, solution(diagonal).ravel(), lw=4, alpha=0.4, label="found")
left.plot(s, np.sin(s + s**2 / 2), "k--", lw=1, label="exact")
left.set(xlabel="along the diagonal", ylabel="u")
left.legend()
right.semilogy([h["step"] for h in solution.history], [h["error"] for h in solution.history], "o-")
right.set(xlabel="steps", ylabel="relative $L_2$ error")
figure.tight_layout()
