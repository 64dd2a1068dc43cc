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
# # Your first PDE, in a notebook
#
# From an equation of the catalogue to one of your own on a plate with a hole: solve, look, measure, keep. Every cell
# takes seconds.

# %%
import math

import numpy as np
import torch

import sciml
from sciml import nn, pdes

torch.set_num_threads(1)

# %% [markdown]
# ## An equation of the catalogue
#
# Poisson's equation $-\Delta u = f$ on the unit square, zero on the boundary. `pdes.names()` lists the others.

# %%
problem = pdes.Poisson(dim=2)
solution = sciml.solve(problem)
solution

# %%
solution.plot()

# %% [markdown]
# A solution is a function of points `(n, d)`: an array in, an array out, a tensor in, a tensor out.

# %%
solution([[0.5, 0.5], [0.25, 0.75]])

# %% [markdown]
# ## An equation of your own
#
# The viscous Burgers equation $u_t + u\,u_x = \nu\,u_{xx}$, with $u = -\sin(\pi x)$ at first and zero at both ends. A
# problem is a domain, conditions and a residual: what must vanish. `u.d("x", "x")` is $\partial^2 u/\partial x^2$.


# %%
class Burgers(sciml.PDE):
    domain = sciml.TimeInterval(0, 1) * sciml.Interval(-1, 1)
    conditions = (sciml.Dirichlet(0.0), sciml.Initial(lambda x: -torch.sin(math.pi * x[:, 1:])))
    nu = 0.05

    def residual(self, u, x):
        return u.d("t") + u * u.d("x") - self.nu * u.d("x", "x")


burgers = sciml.solve(Burgers(), max_time=10, tol=1e-4)
burgers.plot("solution", times=[0, 0.25, 0.5, 1])

# %% [markdown]
# Conditions hold exactly, by construction, wherever the domain allows it: at $t = 0$ the solution *is* the sine.

# %%
x = np.linspace(-1, 1, 5)
burgers(np.column_stack([0 * x, x])).ravel() + np.sin(np.pi * x)

# %% [markdown]
# ## A plate with a hole
#
# Domains are added, cut out and intersected with `|`, `-`, `&`. This plate is held at zero on its outer edge, at one on
# the rim of the hole, and heated evenly.

# %%
plate, hole = sciml.Box([0, 0], [2, 1], names=("x", "y")), sciml.Disk([0.7, 0.5], 0.25)


class Plate(sciml.PDE):
    domain = plate - hole
    conditions = (sciml.Dirichlet(0.0, on=plate), sciml.Dirichlet(1.0, on=hole))

    def residual(self, u, x):
        return -u.laplacian() - 5.0


warm = sciml.solve(Plate(), max_time=8, tol=1e-3)
warm.plot()

# %% [markdown]
# ## How good is it?
#
# Where the answer is known, `error()` measures the relative $L_2$ error at points that training never saw.

# %%
solution.error()

# %% [markdown]
# Where it is not known, what must hold besides tells. `field` knows every derivative at the points it is given, so we can
# add up the heat that leaves through the whole boundary: it has to be the heat that comes in, 5 times the area.

# %%
edge = Plate.domain.boundary()
x = edge.sample(4000)
outflow = -(warm.field(x).grad() * edge.normal(x)).sum(1).mean() * (6 + 0.5 * math.pi)
float(outflow) / (5 * (2 - math.pi / 16)) - 1

# %% [markdown]
# Another network from another seed is a second opinion.

# %%
second = sciml.solve(Plate(), nn.MLP([2, 16, 16, 1], seed=1), seed=1, max_time=8, tol=1e-3)
x = Plate.domain.sample(2000, seed=7)
float((warm(x) - second(x)).norm() / warm(x).norm())

# %% [markdown]
# ## Keep it
#
# A file holds data only: the problem's name and parameters, the network's weights, the history. A class of your own is
# given again when it is loaded, and is compared with what the file remembers.

# %%
solution.save("poisson.h5")
warm.save("plate.h5")
again = sciml.load("poisson.h5")
plate_again = sciml.load("plate.h5", problem=Plate())
bool(np.all(again([[0.3, 0.3]]) == solution([[0.3, 0.3]])))

# %% [markdown]
# ## A Kolmogorov-Arnold network instead
#
# Any network will do. `nn.KAN` learns a spline on every edge. The first one of a kind takes some seconds more: its kernel
# is compiled, once for good.

# %%
kan = sciml.solve(problem, nn.KAN([2, 5, 1], grid=5, degree=5), max_time=20, tol=1e-5)
kan.error()
