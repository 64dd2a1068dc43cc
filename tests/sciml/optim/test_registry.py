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
