"""Configurations as plain data, names of targets, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from sciml.adapters import (
    SVD,
    Adapter,
    AdapterConfig,
    Full,
    Head,
    LoRA,
    LoTRA,
    fingerprint,
    from_dict,
    get_config,
)
from sciml.adapters.low_rank import LowRank
from sciml.errors import ArgumentError, ArgumentTypeError
from sciml.nn import KAN, MLP

CONFIGS = [
    LoRA(),
    LoRA(r=0, alpha=2.0, target_modules="layers.0.*", modules_to_save=["head", "bias"], seed=3),
    LoRA(r=5, rank_pattern={"layers.1.coef": 2}, rank_budget=7, rank_search="diagonal"),
    LoRA(r=5, rank_budget=7, rank_schedule="joint"),
    LoTRA(r=(4, 3, 2), zero="out", scaled_rates=False),
    LoTRA(rank_pattern={"layers.0.coef": [1, 2, 3], "layers.1.coef": 0}),
    SVD(r=3, nonnegative=False),
    Full(),
    Head(),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.kind)
def test_configurations_go_there_and_back_through_json(config):
    data = json.loads(json.dumps(config.to_dict()))
    assert from_dict(data) == config
    assert get_config(config) is config


@pytest.mark.parametrize("kind", ["lora", "lotra", "svd", "full", "head"])
def test_a_kind_s_name_means_its_defaults(kind):
    assert get_config(kind).kind == kind
    assert get_config(kind) == type(get_config(kind))()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LoRA(r=-1), "r needs an int of at least 0"),
        (lambda: LoRA(r=2.0), "r needs an int of at least 0"),
        (lambda: LoRA(r=True), "r needs an int of at least 0"),
        (lambda: LoRA(alpha=0.0), "alpha needs a number above 0"),
        (lambda: LoRA(alpha="high"), "alpha needs a number, got 'high'"),
        (lambda: LoRA(rank_pattern={"a": -2}), r"rank_pattern\['a'\] needs an int of at least 0"),
        (lambda: LoRA(rank_pattern=[1, 2]), "rank_pattern needs a mapping"),
        (lambda: LoRA(rank_budget=-1), "rank_budget needs an int of at least 0"),
        (lambda: LoRA(rank_search="magic"), "rank_search needs one of sublora"),
        (lambda: LoRA(rank_search=["sublora"]), "rank_search needs one of sublora"),
        (lambda: LoRA(rank_budget=3, rank_schedule="soft"), "rank_schedule needs one of cut, joint"),
        (lambda: LoTRA(rank_schedule=["joint"]), "rank_schedule needs one of cut, joint"),
        (lambda: LoTRA(rank_schedule="joint"), "rank_schedule 'joint' needs a rank_budget"),
        (lambda: LoRA(seed=-1), "seed needs an int from 0 to"),
        (lambda: LoTRA(r=(1, 2)), r"r needs an int or three, \(r_in, r_out, r_basis\)"),
        (lambda: LoTRA(r=(1, 2, -3)), "r needs an int of at least 0"),
        (lambda: LoTRA(r="big"), "r needs an int of at least 0"),
        (lambda: LoTRA(zero="in"), "zero needs one of core, out, got 'in'"),
        (lambda: LoTRA(zero=("core", "out")), "zero needs one of core, out, got "),
        (lambda: LoTRA(scaled_rates=1), "scaled_rates needs True or False"),
        (lambda: SVD(r=-1), "r needs an int of at least 0"),
        (lambda: SVD(nonnegative="no"), "nonnegative needs True or False"),
        (lambda: Full(target_modules=3), "target_modules needs a name or a list of names"),
        (lambda: Full(modules_to_save=["a", 1]), "modules_to_save needs a name or a list of names"),
        (lambda: from_dict({"kind": "dora"}), "adapter kind needs one of"),
        (lambda: from_dict({}), "adapter kind needs one of"),
        (lambda: from_dict({"kind": ["lora"]}), "adapter kind needs one of"),
        (lambda: from_dict({"kind": "lora", "dropout": 0.1}), r"got also \['dropout'\]"),
        (lambda: get_config(4), "adapter needs a configuration or a name"),
        (lambda: Adapter("lora", [1]), "base needs a torch.nn.Module"),
    ],
)
def test_unusable_configurations_are_refused_when_built(build, message):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        build()


@pytest.mark.parametrize("base", [AdapterConfig, LowRank])
def test_a_kind_that_leaves_something_out_cannot_be_built(base):
    class Half(base):
        def start(self, parameter, weight, rng):
            return {}

    with pytest.raises(TypeError, match=r"abstract methods? .*count.*delta.*fit"):
        Half()


def test_numpy_numbers_become_plain_ones():
    config = LoRA(r=np.int64(3), alpha=np.float64(6.0), rank_budget=np.int32(5), seed=np.uint8(2))
    assert config == LoRA(r=3, alpha=6.0, rank_budget=5, seed=2)
    assert json.loads(json.dumps(config.to_dict())) == LoRA(r=3, alpha=6.0, rank_budget=5, seed=2).to_dict()


def test_a_configuration_from_before_there_were_schedules_still_builds():
    data = LoRA(r=5, rank_budget=7).to_dict()
    del data["rank_schedule"]
    assert from_dict(data) == LoRA(r=5, rank_budget=7, rank_schedule="cut")


def targets(patterns, net, **kwargs) -> list[str]:
    return list(Adapter(Full(target_modules=patterns, **kwargs), net).adapted)


def test_targets_are_parameters_layers_wildcards_and_groups():
    net = MLP([2, 4, 4, 1])
    everything = list(dict(net.named_parameters()))
    assert targets("*", net) == everything
    assert targets("layers.2.weight", net) == ["layers.2.weight"]
    assert targets("layers.2", net) == ["layers.2.weight", "layers.2.bias"]
    assert targets(["*.bias", "layers.0.weight"], net) == [
        "layers.0.weight",
        "layers.0.bias",
        "layers.2.bias",
        "layers.4.bias",
    ]
    assert targets("first", net) == ["layers.0.weight", "layers.0.bias"]
    assert targets("hidden", net) == ["layers.2.weight", "layers.2.bias"]
    assert targets("head", net) == ["layers.4.weight", "layers.4.bias"]
    assert targets("bias", net) == ["layers.0.bias", "layers.2.bias", "layers.4.bias"]
    assert targets("head", KAN([1, 3, 1])) == ["layers.1.coef", "layers.1.base"]


def test_low_rank_kinds_pass_over_vectors_unless_told_to_save_them():
    """LoRA is told so by default."""
    net = MLP([2, 4, 4, 1])
    assert list(Adapter(LoRA(r=2), net).adapted) == list(dict(net.named_parameters()))
    plain = Adapter(LoRA(r=2, modules_to_save=()), net)
    assert list(plain.adapted) == ["layers.0.weight", "layers.2.weight", "layers.4.weight"]
    saved = Adapter(LoRA(r=2, modules_to_save=["bias", "head"]), net)
    assert list(saved.adapted) == list(dict(net.named_parameters()))
    # a parameter in both is trained in full
    assert list(saved.factors["layers.4.weight"]) == ["delta"]
    assert list(saved.factors["layers.2.weight"]) == ["left", "right"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            LoRA(target_modules="layers.9"),
            r"target_modules needs names .*, got 'layers\.9', which matches nothing",
        ),
        (LoRA(modules_to_save="haed"), r"modules_to_save needs names .*, got 'haed', which matches nothing"),
        (
            LoRA(target_modules="layers.0.bias", modules_to_save=()),
            r"needs parameters with 2 or 3 axes for 'lora', got 'layers\.0\.bias'",
        ),
        (LoRA(target_modules="*.bias", modules_to_save=()), "need to leave something to train"),
        (LoRA(target_modules=(), modules_to_save=()), "need to leave something to train"),
        (LoRA(rank_pattern={"layers.8.weight": 1}), "rank_pattern needs names among the targets"),
        (LoRA(rank_pattern={"layers.4.weight": 2}), r"needs a rank <= 1 for shape \(1, 4\), got 2"),
        (LoTRA(rank_pattern={"layers.0.weight": (3, 1, 1)}), r"needs a rank <= 2 for shape \(4, 2\), got 3"),
        (
            LoRA(rank_pattern={"layers.4.weight": 1}, modules_to_save="head"),
            "rank_pattern needs names among the targets",
        ),
    ],
)
def test_configurations_that_do_not_fit_a_network_are_refused(config, message):
    with pytest.raises(ArgumentError, match=message):
        Adapter(config, MLP([2, 4, 4, 1]))


def test_any_module_will_do():
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).double()
    adapter = Adapter(LoTRA(r=2, modules_to_save="*.bias"), net)
    assert list(adapter.adapted) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    single = Adapter(LoRA(r=1), nn.Linear(3, 4))
    assert list(single.adapted) == ["weight", "bias"]
    assert repr(single) == "Adapter(lora, 11 of 16 parameters, 68.8 %)"


def test_fingerprint_tells_structure_and_every_bit_of_the_weights():
    net = KAN([1, 3, 1], seed=0)
    print_ = fingerprint(net)
    assert fingerprint(KAN([1, 3, 1], seed=0)) == print_
    assert fingerprint({n: p.detach().clone() for n, p in net.named_parameters()}) == print_
    others = [KAN([1, 3, 1], seed=1), KAN([1, 3, 1], grid=6, seed=0), net.float()]
    assert len({fingerprint(other) for other in others} | {print_}) == 4
    renamed = {f"x.{n}": p for n, p in KAN([1, 3, 1], seed=0).named_parameters()}
    assert fingerprint(renamed) != print_
    nudged = KAN([1, 3, 1], seed=0)
    with torch.no_grad():
        nudged.get_parameter("layers.1.base")[2, 0] += 1e-15
    assert fingerprint(nudged) != print_
