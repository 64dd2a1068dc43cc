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
# # A flow as a system
#
# Three unknowns and three equations: the steady flow behind a grid after Kovasznay (1948), which is known in closed
# form. Then the flow between two plates, written out.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import sciml
from sciml import pdes

torch.set_num_threads(1)

# %%
problem = pdes.Kovasznay()
flow = sciml.solve(problem, max_time=20, progress=False)
print(f"error {flow.error():.1e}")
flow.plot("solution")

# %% [markdown]
# A solution answers a grid in one call. The streamlines over the pressure:

# %%
x, y = np.meshgrid(np.linspace(-0.5, 1, 91), np.linspace(-0.5, 1.5, 121))
u, v, p = np.moveaxis(flow(x, y).reshape(*x.shape, 3), -1, 0)
figure, axis = plt.subplots(figsize=(4.5, 5))
most = np.abs(p).max()
shown = axis.pcolormesh(x, y, p, cmap="RdBu_r", vmin=-most, vmax=most)
axis.streamplot(x, y, u, v, color="black", linewidth=0.7, density=1.1)
axis.set(aspect="equal", xlabel="x", ylabel="y", xlim=(-0.5, 1), ylim=(-0.5, 1.5))
figure.colorbar(shown, label="pressure")

# %% [markdown]
# Derivatives come with it. The flow conserves mass: its divergence, at points that training never saw, is

# %%
field = flow.field(problem.domain.sample(2000, seed=9))
divergence = field["u"].d("x") + field["v"].d("y")
print(f"{float(divergence.abs().max()):.1e}")

# %% [markdown]
# ## A system of one's own
#
# `unknowns` names them, `component=` says whose condition it is, and `residual` returns a dict of equations.


# %%
class Channel(sciml.PDE):
    unknowns = ("u", "v", "p")
    domain = sciml.Box([0, 0], [2, 1], names=("x", "y"))
    conditions = (
        *(sciml.Dirichlet(0.0, on=side, component=c) for side in ("y=0", "y=1") for c in ("u", "v")),
        sciml.Dirichlet(lambda x: 4 * x[:, 1:] * (1 - x[:, 1:]), on="x=0", component="u"),
        sciml.Dirichlet(0.0, on="x=0", component="v"),
        sciml.Dirichlet(0.0, on="x=2", component="v"),
        sciml.Neumann(0.0, on="x=2", component="u"),
        sciml.Dirichlet(0.0, on="x=2", component="p"),
    )

    def residual(self, field, x):
        u, v, p = field["u"], field["v"], field["p"]
        return {
            "momentum_x": u * u.d("x") + v * u.d("y") + p.d("x") - 0.1 * u.laplacian(),
            "momentum_y": u * v.d("x") + v * v.d("y") + p.d("y") - 0.1 * v.laplacian(),
            "continuity": u.d("x") + v.d("y"),
        }


channel = sciml.solve(Channel(), max_time=15, progress=False)
channel

# %% [markdown]
# In the middle the flow is 1, and the pressure falls by 0.8 a length: $(u, v, p) = (1, 0, 0.8)$.

# %%
np.round(channel([[1.0, 0.5]]), 8)
