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
# # A new right-hand side in seconds
#
# A solved problem is worth keeping. When only its right-hand side changes, `finetune` trains a small difference, an
# *adapter*, and leaves the solved network untouched. This notebook shows three ways, what each costs, and when it pays.

# %%
import math

import matplotlib.pyplot as plt
import torch

import sciml
from sciml import adapters, nn, pdes

torch.set_num_threads(1)

# %% [markdown]
# ## A base
#
# The 2-D Poisson equation. The last hidden layer is wide on purpose: its 100 units are the features that a new solution
# can be made of.

# %%
base = sciml.solve(pdes.Poisson(2), nn.MLP([2, 20, 100, 1], "sine"), tol=1e-5, progress=False)
base

# %% [markdown]
# ## A new right-hand side
#
# `with_source` makes a changed copy of the problem. Here the solution gains a wave of half the size, and since we know it,
# we can measure the error.


# %%
def wave(x):
    return torch.sin(2 * math.pi * x[:, :1]) * torch.sin(math.pi * x[:, 1:])


def changed(size):
    poisson = pdes.Poisson(2)
    return poisson.with_source(
        lambda x: poisson.source(x) + 5 * math.pi**2 * size * wave(x),
        exact=lambda x: poisson.exact(x) + size * wave(x),
    )


new = changed(0.5)

# %% [markdown]
# ## The head: a closed form
#
# The network is linear in its last layer, and Poisson's equation is linear in `u`. The best last layer for the new source is
# one linear least-squares problem; `finetune` notices that and does not train at all.

# %%
head = base.finetune(new, "head", name="head", progress=False)
print(head.stats["optimizer"], f"{head.stats['seconds']:.3f} s, relative L2 error {head.error():.1e}")
assert head.error() < 1e-5

# %% [markdown]
# ## LoTRA and LoRA: low-rank differences
#
# For an equation that is not linear there is no closed form. Low-rank differences keep the trained system small, so
# Gauss-Newton steps are cheap. `modules_to_save` names parameters that get a full difference.

# %%
for name, adapter in {
    "lora": adapters.LoRA(r=3, modules_to_save=("bias",)),
    "svd": adapters.SVD(target_modules=("hidden",), modules_to_save=("head", "bias"), nonnegative=False),
}.items():
    tuned = base.finetune(new, adapter, name=name, tol=1e-5, max_steps=25, points=300, progress=False)
    report = tuned.report
    print(
        f"{name:5s} {report['trained']:4d} of {report['parameters']} numbers, {report['steps']:3d} steps, "
        f"{report['seconds']:.2f} s, error {report['error']:.1e}"
    )

# %% [markdown]
# Which rank would have done? Fine-tune everything once and look at the singular values of what changed, layer by layer.
# Where they fall fast, few components carry the change; where they do not, a low-rank adapter has to find another way to
# the same solution, one that full fine-tuning had no reason to take.

# %%
everything = base.finetune(new, "full", name="full", tol=1e-5, max_steps=15, points=300, progress=False)
everything.plot("spectra")

# %% [markdown]
# The base is as it was, and holds all of them. `set_adapter` chooses which problem it answers for.

# %%
print(list(base.adapters), f"base error {base.error():.1e}")
base.set_adapter("head")
print(f"with the head set: {base.error():.1e}")
with base.disable_adapter():
    print(f"and without: {base.error():.1e}")

# %% [markdown]
# ## Sums
#
# Poisson's equation is linear, so sums of solutions solve sums of right-hand sides. `superpose` adds solutions, never
# weights, and refuses where that would be wrong.

# %%
base.finetune(changed(-0.2), "head", name="other", progress=False)
mixed = base.superpose({"head": 0.3, "other": 0.7})
x = pdes.Poisson(2).sample(500)
truth = changed(0.3 * 0.5 + 0.7 * -0.2)
error = float((mixed(x) - truth.exact(x)).norm() / truth.exact(x).norm())
print(f"error of the sum: {error:.1e}")
assert error < 1e-5

# %% [markdown]
# ## A family
#
# Many right-hand sides at once; with `folder=` each member is kept in a small file, and a broken run goes on where it
# stopped.

# %%
members = {f"size={k:.1f}": changed(k) for k in (0.1, 0.3, 1.0, 3.0)}
family = base.finetune_family(members, "head")
family

# %%
figure, axes = plt.subplots(1, 4, figsize=(12, 3), sharey=True)
line = torch.stack(
    [torch.linspace(0, 1, 200, dtype=torch.float64), torch.full((200,), 0.5, dtype=torch.float64)], 1
)
for axis, (name, member) in zip(axes, family.solutions.items(), strict=True):
    axis.plot(line[:, 0], member.problem.exact(line), lw=3, alpha=0.4, label="exact")
    axis.plot(line[:, 0], member(line), "k--", lw=1, label="fine-tuned")
    axis.set(title=f"{name}: {member.error():.0e}", xlabel="x  (y = 0.5)")
axes[0].legend()
figure.tight_layout()

# %% [markdown]
# ## When it pays
#
# An adapter saves bytes, and the size of the second-order system. A step of a first-order optimiser costs what it costs
# without one. The closed form needs a linear equation and a base whose features are rich enough: how far it carries is
# measured, not promised, and `report["residual"]` says it for your own problem. For a far right-hand side of a nonlinear
# equation, training from the start can be as quick.
