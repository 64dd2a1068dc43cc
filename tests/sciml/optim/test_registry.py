"""What a user may pass as an optimiser."""

from __future__ import annotations

import pytest
import torch

from sciml import optim
from sciml.errors import ArgumentError, ArgumentTypeError


def test_as_method_takes_what_a_user_may_pass():
    assert optim.as_method("lm").model == "lm"
    assert optim.as_method(optim.GaussNewton, form="dual").form == "dual"
    assert optim.as_method(optim.CubicNewton, M=4.0).sigma == 2.0
    method = optim.method("arcm")
    assert optim.as_method(method) is method
    parameter = torch.nn.Parameter(torch.zeros(2))
    assert optim.as_method(optim.ARC([parameter], sigma=3.0)).sigma == 3.0
    assert optim.as_method(torch.optim.SGD, lr=0.1).make is torch.optim.SGD
    for wrong in (3, None, torch.optim.SGD([parameter], lr=0.1), object):
        with pytest.raises(ArgumentTypeError, match="optimizer needs a name"):
            optim.as_method(wrong)


def test_unknown_names_and_options_say_what_is_known():
    with pytest.raises(ArgumentError, match=r"method needs one of gn-arc, .*got 'newton'"):
        optim.method("newton")
    with pytest.raises(ArgumentError, match=r"method 'arc' needs options that it knows, got \['radius'\]"):
        optim.method("arc", radius=1.0)
    with pytest.raises(ArgumentError, match="solver needs one of"):
        optim.method("arc", solver="gmres")
    with pytest.raises(ArgumentError, match="sigma needs a number above 0"):
        optim.method("arc", sigma=0.0)
    with pytest.raises(ArgumentError, match="history needs an int of at least 1"):
        optim.method("lbfgs", history=0)


@pytest.mark.parametrize("old, new", [("dual", "lm-dual"), ("krylov", "gn-krylov")])
def test_former_names_still_work(old, new):
    assert optim.method(old) == optim.method(new) == optim.as_method(old)
    assert optim.method(old, geodesic=False) == optim.method(new, geodesic=False)
    assert old not in optim.METHODS


def test_a_method_that_does_not_say_whether_it_is_second_order_is_refused():
    class Half:
        def init(self, problem, theta): ...
        def step(self, problem, theta, state): ...
        def refresh(self, problem, theta, state): ...

    with pytest.raises(ArgumentTypeError, match=r"optimizer needs .*second_order"):
        optim.as_method(Half())
    Half.second_order = False
    method = Half()
    assert optim.as_method(method) is method
