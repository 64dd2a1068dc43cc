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
# # Corners, layers, holes
#
# Where a boundary turns, where data contradict each other and around holes, a solution has parts that no smooth network
# finds. `sciml.solve` recognises them in the statement. Four problems with known answers, with and without.

# %%
import math

import matplotlib.pyplot as plt
import torch

import sciml

torch.set_num_threads(1)


def error(solution, exact):
    """Relative L2 error at points of the domain."""
    x = solution.problem.domain.sample(2000, seed=1)
    return float((solution(x).detach() - exact(x)).norm() / exact(x).norm())


# %% [markdown]
# ## A re-entrant corner
#
# `-Δu = 1` on the L-shape. The solution begins like `r^(2/3)` at the inner corner, where its gradient is infinite. The
# network sees that power beside the coordinates, and a note says so. The largest value is 0.149412399
# (corner functions fitted to the boundary).


# %%
class Torsion(sciml.PDE):
    domain = sciml.Polygon([(-1, -1), (0, -1), (0, 0), (1, 0), (1, 1), (-1, 1)])
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.laplacian() - 1.0


TOP, HIGHEST = torch.tensor([[-0.33106534, 0.33106534]], dtype=torch.float64), 0.149412398608
for corners in (True, False):
    torsion = sciml.solve(Torsion(), points=400, max_steps=40, max_time=120, progress=False, corners=corners)
    off = abs(float(torsion(TOP).detach()) / HIGHEST - 1)
    print(f"corners={corners}: off by {off:.1e}")
    if corners:
        shown = torsion
print(next((note for note in shown.stats.notes if "the network sees" in note), ""))

# %%
shown.plot()

# %% [markdown]
# ## Two values that meet
#
# Half a disc, its arc at one, its diameter at zero. At both ends of the arc the solution takes every value between. The
# trial function carries the angle there, and the rest is smooth.


# %%
class HotArc(sciml.PDE):
    domain = sciml.Disk((0, 0), 1.0) & sciml.Box([-1, 0], [1, 1])
    conditions = (sciml.Dirichlet(0.0, on="y=0"), sciml.Dirichlet(1.0, on="circle"))

    def residual(self, u, x):
        return u.laplacian()


def arc(x):
    return 2 / math.pi * torch.atan2(2 * x[:, 1:], 1 - (x**2).sum(1, keepdim=True))


hot = sciml.solve(HotArc(), points=300, max_steps=15, max_time=120, progress=False)
plain = sciml.solve(HotArc(), points=300, max_steps=15, max_time=120, progress=False, corners=False)
print(f"with {error(hot, arc):.1e}, without {error(plain, arc):.1e}")

# %%
hot.plot()

# %% [markdown]
# ## From rest to one, at once
#
# A rod at zero, one end at one from the first instant on. A half-space answers with `erfc(y / (4 t)^(1/2))`; the other end
# is all that is left to the network.


# %%
class HeatedEnd(sciml.PDE):
    domain = sciml.TimeInterval(0, 0.5) * sciml.Interval(0, 1)
    conditions = (
        sciml.Initial(0.0),
        sciml.Dirichlet(0.0, on="x=0"),
        sciml.Dirichlet(1.0, on="x=1"),
    )

    def residual(self, u, x):
        return u.d("t") - u.d("x", "x")


def images(x):
    root = 2 * x[:, :1].sqrt()
    return sum(torch.erfc((k - x[:, 1:]) / root) - torch.erfc((k + x[:, 1:]) / root) for k in (1, 3, 5, 7))


heated = sciml.solve(HeatedEnd(), points=300, max_steps=20, max_time=120, progress=False)
plain = sciml.solve(HeatedEnd(), points=300, max_steps=20, max_time=120, progress=False, corners=False)
print(f"with {error(heated, images):.1e}, without {error(plain, images):.1e}")

# %%
s = torch.linspace(0.9, 1, 200, dtype=torch.float64)[:, None]
for t in (1e-4, 1e-3, 1e-2):
    x = torch.cat([torch.full_like(s, t), s], 1)
    (line,) = plt.plot(s[:, 0], heated(x).detach()[:, 0], label=f"t = {t:g}")
    plt.plot(s[:, 0], plain(x).detach()[:, 0], "--", color=line.get_color())
plt.xlabel("x")
plt.ylabel("u")
plt.legend(title="dashed: without")
plt.show()

# %% [markdown]
# ## Holes
#
# Around a round hole the network sees `log r` and the inverted coordinates. Four discs of the catalogue, by the same points
# and steps. The points are many, 2500 for the network's 500 to 740 numbers: with as many points as numbers the training loss
# would go on falling while the held-out loss rises. In the history below both fall.

# %%
discs = sciml.pdes.PoissonDiscs()
seen = sciml.solve(discs, points=2500, max_steps=60, max_time=280, progress=False)
plain = sciml.solve(discs, points=2500, max_steps=60, max_time=280, progress=False, corners=False)
print(f"with {seen.error():.1e}, without {plain.error():.1e}")

# %%
seen.plot()
