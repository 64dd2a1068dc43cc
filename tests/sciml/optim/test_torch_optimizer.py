"""The torch.optim classes with their closures."""

from __future__ import annotations

import copy
import io
import math
import pickle

import pytest
import torch
from torch import nn

from sciml import optim
from sciml.errors import ArgumentError, ArgumentTypeError

X = torch.linspace(-1.0, 1.0, 40, dtype=torch.float64)[:, None]


Y = torch.sin(3.0 * X)


CLASSES = (optim.ARC, optim.ARCm, optim.CubicNewton, optim.GaussNewton)


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1)).double()


def closure_for(cls, net):
    if cls is optim.GaussNewton:
        return lambda: ((net(X) - Y) / len(X) ** 0.5).flatten()
    return lambda: 0.5 * (net(X) - Y).square().mean()


def flat(net):
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()]).clone()


@pytest.mark.parametrize(
    "cls, options",
    [
        (optim.ARC, {}),
        (
            optim.ARC,
            {"solver": "lanczos", "sigma": 1e-7},
        ),  # rejections, and products from the kept graph after them
        (optim.ARCm, {"momentum": "wang"}),
        (optim.CubicNewton, {"M": 1.0, "momentum": "wang"}),
        (optim.GaussNewton, {}),
        (optim.GaussNewton, {"form": "dual", "momentum": "ls", "model": "lm"}),
    ],
)
def test_a_torch_class_walks_as_its_method_does(cls, options):
    net = network()
    optimizer = cls(net.parameters(), **options)
    closure = closure_for(cls, net)
    shapes = {name: p.shape for name, p in net.named_parameters()}

    def function(theta):
        parts = torch.split(theta, [s.numel() for s in shapes.values()])
        values = {name: part.view(s) for (name, s), part in zip(shapes.items(), parts, strict=True)}
        out = torch.func.functional_call(net, values, (X,))
        if cls is optim.GaussNewton:
            return ((out - Y) / len(X) ** 0.5).flatten()
        return 0.5 * (out - Y).square().mean()

    wrap = optim.ResidualFunction if cls is optim.GaussNewton else optim.LossFunction
    problem, theta = wrap(function), flat(net)
    state = optimizer.method.init(problem, theta)
    rejected = 0
    for _ in range(12):
        before = problem.value(theta)
        loss = optimizer.step(closure)
        for _ in range(20):
            theta, state = optimizer.method.step(problem, theta, state)
            rejected += not state.accepted
            if state.accepted:
                break
        state.forget()
        assert torch.equal(flat(net), theta)
        assert float(loss) == pytest.approx(before, rel=1e-12)
        assert optimizer.info.loss == pytest.approx(problem.value(theta), rel=1e-12)
    assert rejected > 0 or "sigma" not in options


@pytest.mark.parametrize("cls", CLASSES)
def test_a_resumed_optimizer_is_identical(cls):
    net = network()
    optimizer = cls(net.parameters(), **({"momentum": "ls"} if cls is optim.GaussNewton else {}))
    for _ in range(6):
        optimizer.step(closure_for(cls, net))
    buffer = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, buffer)
    buffer.seek(0)
    saved = torch.load(buffer, weights_only=True)
    other = network()
    other.load_state_dict(saved["net"])
    resumed = cls(other.parameters(), **({"momentum": "ls"} if cls is optim.GaussNewton else {}))
    resumed.load_state_dict(saved["optimizer"])
    for _ in range(6):
        a = optimizer.step(closure_for(cls, net))
        b = resumed.step(closure_for(cls, other))
        assert torch.equal(a, b)
    assert torch.equal(flat(net), flat(other))


def test_an_optimizer_can_be_pickled():
    net = network()
    optimizer = optim.ARC(net.parameters())
    optimizer.step(closure_for(optim.ARC, net))
    twin_net, twin = pickle.loads(pickle.dumps((net, optimizer)))
    twin.step(closure_for(optim.ARC, twin_net))
    optimizer.step(closure_for(optim.ARC, net))
    assert torch.equal(flat(net), flat(twin_net))


class Boom(Exception):
    pass


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_interrupted_step_leaves_the_parameters_alone(cls, error, at):
    net = network()
    optimizer = cls(net.parameters())
    optimizer.step(closure_for(cls, net))
    before, places = flat(net), [p.data_ptr() for p in net.parameters()]
    calls = 0
    inner = closure_for(cls, net)

    def closure():
        nonlocal calls
        calls += 1
        if calls == at:
            raise error
        return inner()

    try:
        optimizer.step(closure)
    except error:
        assert torch.equal(flat(net), before)
    else:
        assert calls < at
    assert [p.data_ptr() for p in net.parameters()] == places
    optimizer.step(inner)
    assert not torch.equal(flat(net), before)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_closure_that_turns_to_nan_moves_nothing(cls):
    net = network()
    optimizer = cls(net.parameters())
    before = flat(net)
    inner = closure_for(cls, net)

    def closure():
        out = inner()
        return out if torch.equal(flat(net), before) else out * math.nan

    optimizer.step(closure)
    assert torch.equal(flat(net), before)
    assert not optimizer.info.accepted


@pytest.mark.parametrize("cls", CLASSES)
def test_a_closure_that_calls_backward_is_told_so(cls):
    net = network()
    optimizer = cls(net.parameters())
    inner = closure_for(cls, net)
    before = flat(net)

    def closure():
        out = inner()
        out.sum().backward()
        return out

    with pytest.raises(
        ArgumentError, match=r"closure needs to return the loss .* got a call of backward\(\)"
    ):
        optimizer.step(closure)
    assert torch.equal(flat(net), before)


@pytest.mark.parametrize("cls", CLASSES)
def test_closures_of_the_wrong_kind_are_refused(cls):
    net = network()
    optimizer = cls(net.parameters())
    inner = closure_for(cls, net)
    with pytest.raises(ArgumentError, match="closure needs a function"):
        optimizer.step()
    with pytest.raises(ArgumentError, match="closure needs to return a tensor that autograd can follow"):
        optimizer.step(lambda: inner().detach())
    with pytest.raises(ArgumentTypeError, match=r"needs to .*torch tensor, got float"):
        optimizer.step(lambda: 1.0)
    wrong = (lambda: net(X)) if cls is optim.GaussNewton else (lambda: net(X).flatten())
    with pytest.raises(
        ArgumentError, match="needs one dimension" if cls is optim.GaussNewton else "one number"
    ):
        optimizer.step(wrong)


def test_parameters_of_the_wrong_kind_are_refused():
    good = nn.Parameter(torch.zeros(2))
    with pytest.raises(ArgumentError, match="one parameter group, got a second"):
        optim.ARC([{"params": [good]}, {"params": [nn.Parameter(torch.zeros(1))]}])
    with pytest.raises(ArgumentTypeError, match=r"real floating parameters, got torch\.complex64"):
        optim.ARC([nn.Parameter(torch.zeros(2, dtype=torch.complex64))])
    with pytest.raises(ArgumentTypeError, match="dense parameters, got layout"):
        optim.ARC([torch.eye(2).to_sparse().requires_grad_()])
    with pytest.raises(ArgumentError, match="one dtype and device"):
        optim.ARC([good, nn.Parameter(torch.zeros(2, dtype=torch.float64))])


def test_parameters_that_the_loss_does_not_use_stay():
    used, unused = nn.Parameter(torch.ones(2).double()), nn.Parameter(torch.full((3,), 7.0).double())
    optimizer = optim.ARC([used, unused])
    for _ in range(12):
        optimizer.step(lambda: (used**2).sum() + (used**4).sum())
    assert float(used.detach().abs().max()) < 1e-6
    assert unused.tolist() == [7.0, 7.0, 7.0]


def test_a_closure_may_change_its_batch_between_steps():
    net = network()
    optimizer = optim.GaussNewton(net.parameters())
    generator = torch.Generator().manual_seed(0)
    for _ in range(80):
        rows = torch.randperm(len(X), generator=generator)[:25]
        optimizer.step(lambda rows=rows: ((net(X[rows]) - Y[rows]) / 5.0).flatten())
    assert float((net(X) - Y).detach().abs().max()) < 0.01


def test_residual_closures_may_differentiate_and_name_their_terms():
    net = network()
    optimizer = optim.GaussNewton(net.parameters())
    x = X.clone().requires_grad_()

    def closure():
        u = net(x)
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        return {
            "equation": (slope - 3.0 * torch.cos(3.0 * x)).flatten(),
            "start": net(X[:1]).flatten() - Y[0],
        }

    for _ in range(60):
        loss = optimizer.step(closure)
    assert float(loss) < 1e-6
    assert float((net(X) - Y).detach().abs().max()) < 0.01


def test_optimizers_can_be_copied():
    net = network()
    optimizer = optim.ARC(net.parameters())
    optimizer.step(closure_for(optim.ARC, net))
    twin_net, twin = copy.deepcopy((net, optimizer))
    twin.step(closure_for(optim.ARC, twin_net))
    optimizer.step(closure_for(optim.ARC, net))
    assert torch.equal(flat(net), flat(twin_net))
