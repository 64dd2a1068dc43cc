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
# # A plate with holes and a notch
#
# Domains are united, cut and intersected by `|`, `-`, `&`. We solve on one where the answer is known, measure the
# error, and then ask for what is not known.

# %%
import matplotlib.pyplot as plt
import torch

import sciml

torch.set_num_threads(1)

# %% [markdown]
# ## The domain

# %%
block = sciml.Box([0, 0], [3, 1.5], names=("x", "y"))
holes = [sciml.Disk([0.8, 0.75], 0.3), sciml.Disk([2.1, 0.9], 0.25)]
notch = sciml.Disk([1.5, 0.0], 0.3)
domain = block - holes[0] - holes[1] - notch

inside, edge = domain.sample(1500), domain.boundary().sample(400)
normal = domain.boundary().normal(edge)
plt.figure(figsize=(7, 3.5))
plt.plot(*inside.T, ".", ms=2)
plt.quiver(*edge[::4].T, *normal[::4].T, scale=40, width=2e-3)
_ = plt.axis("equal")

# %% [markdown]
# ## With a known answer
#
# $u = e^x \sin y$ is harmonic on any domain. Its values on the block, the holes and the notch are all that is given: as
# penalties, since a formula for the whole plane, built in, would hand over the answer.


# %%
def harmonic(x):
    return torch.exp(x[:, :1]) * torch.sin(x[:, 1:])


class Known(sciml.PDE):
    conditions = (sciml.Dirichlet(harmonic, hard=False),)

    def residual(self, u, x):
        return -u.laplacian()

    def exact(self, x):
        return harmonic(x)


Known.domain = domain
known = sciml.solve(Known(), max_time=15, progress=False)
print(f"error {known.error():.1e}, estimated {known.error_estimate().value or float('nan'):.1e}")

# %% [markdown]
# ## Two hot pipes
#
# The holes are pipes at 1 and 2, the notch is cold, the block's edge is insulated.


# %%
class Pipes(sciml.PDE):
    conditions = (
        sciml.Dirichlet(1.0, on=holes[0]),
        sciml.Dirichlet(2.0, on=holes[1]),
        sciml.Dirichlet(0.0, on=notch),
        sciml.Neumann(0.0, on=block),
    )

    def residual(self, u, x):
        return -u.laplacian()


Pipes.domain = domain
pipes = sciml.solve(Pipes(), max_time=25, progress=False)
pipes.plot("solution")

# %%
print(pipes.summary())

# %% [markdown]
# ## A witness
#
# What the pipes give off, the notch takes. The flux is the normal derivative; its sum over all parts should be zero.


# %%
def flux(part, length):
    boundary = domain.boundary(on=part)
    x = boundary.sample(2000)
    return float((pipes.field(x).grad() * boundary.normal(x)).sum(1).mean() * length)


pi = torch.pi
total = {
    "left pipe": flux(holes[0], 2 * pi * 0.3),
    "right pipe": flux(holes[1], 2 * pi * 0.25),
    "notch": flux(notch, pi * 0.3),
}
print({name: round(value, 4) for name, value in total.items()}, "sum", round(sum(total.values()), 4))
