"""What fine-tuning changed, seen by its mode-n singular spectra: the evidence for or against a low-rank adapter.

The same kind of evidence as in Gao, Ng & Tan (arXiv 2502.06153): the unfoldings of ``A_finetuned - A_pretrained``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sciml.adapters.parameters import AdaptedParameter, named
from sciml.errors import ArgumentError
from sciml.tensors import spectra


def changes(
    pretrained: Mapping[str, Tensor] | nn.Module, finetuned: Mapping[str, Tensor] | nn.Module
) -> dict[str, Tensor]:
    """Fine-tuned minus pretrained, parameter by parameter.

    Args:
        pretrained, finetuned: Networks, or their parameters by name, of one structure.

    Raises:
        ArgumentError: Other names or shapes, or other buffers: coefficients on different knots have no difference.
    """
    before, after = named(pretrained), named(finetuned)
    shapes = [{name: tuple(p.shape) for name, p in side.items()} for side in (before, after)]
    if shapes[0] != shapes[1]:
        raise ArgumentError(f"finetuned needs the parameters of pretrained, {shapes[0]}, got {shapes[1]}.")
    if isinstance(pretrained, nn.Module) and isinstance(finetuned, nn.Module):
        fixed, also = dict(pretrained.named_buffers()), dict(finetuned.named_buffers())
        if differ := sorted(
            name for name in fixed.keys() | also.keys() if not _equal(fixed.get(name), also.get(name))
        ):
            raise ArgumentError(
                f"finetuned needs the buffers of pretrained, got others in {', '.join(differ)}."
            )
    return {name: after[name].to(p) - p for name, p in before.items()}


def change_spectra(
    pretrained: Mapping[str, Tensor] | nn.Module, finetuned: Mapping[str, Tensor] | nn.Module
) -> dict[str, dict[str, Tensor]]:
    """``normalised_spectra`` of fine-tuned minus pretrained, for any two networks of one structure.

    Raises:
        ArgumentError: As for ``changes``.
    """
    return normalised_spectra(changes(pretrained, finetuned))


def normalised_spectra(differences: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Singular values of every unfolding over the norm of the whole: ``{parameter: {mode: (k,)}}``.

    Args:
        differences: Tensors by parameter name, such as an adapter's ``deltas()``; vectors are passed over.

    Returns:
        Modes are ``"in"``, ``"out"`` and ``"basis"``; both modes of a matrix have its singular values. Largest first. The
        squares of each mode sum to one, so that cutting to ranks ``r`` errs, relative to the difference, by at most the
        root of the sum of all squares that are cut off. All zeros where nothing changed.
    """
    out: dict[str, dict[str, Tensor]] = {}
    for name, difference in differences.items():
        parameter = AdaptedParameter.of(name, difference)
        if not parameter.roles:
            continue
        norm = difference.detach().norm()
        scaled = difference.detach() / torch.where(norm > 0, norm, torch.ones_like(norm))
        out[name] = dict(zip(parameter.roles, spectra(scaled), strict=True))
    return out


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other.to(one))
