# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What gradient descent reaches
#
# Why do networks that are trained by gradients stall on some equations? The tangent kernel answers before training. Here it
# is asked about a heat equation with a slow and a fast wave, and its answer is compared with a run.

# %%
import torch

import sciml
from sciml import nn, pdes

torch.set_num_threads(1)
problem = pdes.HeatMultiscale()
network = nn.MLP([problem.inputs, 200, 1], "tanh")
kernel = sciml.tangent_kernel(problem, network, points=200)
print(kernel)

# %% [markdown]
# Most of the residual lies along eigenvectors of tiny eigenvalues: the fast wave. A thousand steps at the largest rate that
# is safe do as the kernel says, because this network is wide enough for its kernel to stay what it is.

# %%
descent = kernel.descend(1000)
print(f"predicted: {kernel.unreached(1000):.3f} of the loss is left")
print(
    f"measured:  {float(descent.losses[-1] / descent.losses[0]):.3f}, drift of the kernel {descent.drift:.1e}"
)
kernel.plot(descent)

# %% [markdown]
# More steps do not help much. Gauss-Newton divides by the eigenvalues, so small ones do not slow it down.

# %%
for steps in (10_000, 1_000_000):
    print(f"{steps:>9} steps of gradient descent leave {kernel.unreached(steps):.3f} of the loss")
solution = sciml.solve(pdes.Poisson(dim=2), max_time=5, progress=False)
print(solution.summary())

# %% [markdown]
# ## Width decides whether to believe it
#
# Two-layer KANs on −u″ = π² sin πx. The prediction is right at width 512. The narrow network leaves the regime of the
# theory: its features move, and the drift says so.


# %%
class Line(sciml.PDE):
    domain = sciml.Interval(-1, 1)
    conditions = (sciml.Dirichlet(0.0),)

    def residual(self, u, x):
        return -u.d("x", "x") - torch.pi**2 * torch.sin(torch.pi * x)


for width in (16, 512):
    kernel = sciml.tangent_kernel(Line(), nn.KAN([1, width, 1], grid=8, degree=5, base=False), points=40)
    rate = 0.5 * kernel.rate
    descent = kernel.descend(300, rate)
    ratio = float(descent.losses[-1]) / sum(kernel.predict(300, rate).values())
    print(
        f"width {width}: measured / predicted loss {ratio:.2f}, drift {descent.drift:.1e}, lazy: {descent.lazy}"
    )
