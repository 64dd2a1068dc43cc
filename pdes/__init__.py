"""The catalogue: particular equations with exact or reference solutions.

>>> from sciml import pdes
>>> pdes.names()[:2]
('advection', 'allen-cahn')
>>> pdes.build("poisson", dim=3)
Poisson(dim=3, frequency=1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if __name__ == "pdes":
    raise ImportError("pdes is part of sciml: write `from sciml import pdes` or `import sciml.pdes`")

from sciml import lazy
from sciml.errors import ArgumentError, ArgumentTypeError, did_you_mean

if TYPE_CHECKING:
    from sciml.pdes.advection import Advection
    from sciml.pdes.allen_cahn import AllenCahn
    from sciml.pdes.allen_cahn_ball import AllenCahnBall
    from sciml.pdes.beam import Beam
    from sciml.pdes.black_scholes import BlackScholes
    from sciml.pdes.burgers import Burgers
    from sciml.pdes.cahn_hilliard import CahnHilliard
    from sciml.pdes.clamped_plate import ClampedPlate
    from sciml.pdes.fokker_planck import FokkerPlanck
    from sciml.pdes.ginzburg_landau import GinzburgLandau
    from sciml.pdes.gray_scott import GrayScott
    from sciml.pdes.heat import Heat
    from sciml.pdes.heat_ball import HeatBall
    from sciml.pdes.heat_multiscale import HeatMultiscale
    from sciml.pdes.helmholtz import Helmholtz
    from sciml.pdes.hjb import HJB
    from sciml.pdes.inverse_burgers import InverseBurgers
    from sciml.pdes.inverse_heat import InverseHeat
    from sciml.pdes.inverse_poisson import InversePoisson
    from sciml.pdes.inverse_reaction import InverseReaction
    from sciml.pdes.kdv import KdV
    from sciml.pdes.klein_gordon import KleinGordon
    from sciml.pdes.kovasznay import Kovasznay
    from sciml.pdes.kuramoto_sivashinsky import KuramotoSivashinsky
    from sciml.pdes.lid_driven import LidDriven
    from sciml.pdes.loaded_plate import LoadedPlate
    from sciml.pdes.lorenz import Lorenz
    from sciml.pdes.maxwell_cavity import MaxwellCavity
    from sciml.pdes.parabolic_ball import ParabolicBall
    from sciml.pdes.plate_with_hole import PlateWithHole
    from sciml.pdes.poisson import Poisson
    from sciml.pdes.poisson_boltzmann import PoissonBoltzmann
    from sciml.pdes.poisson_cosine import PoissonCosine
    from sciml.pdes.poisson_discs import PoissonDiscs
    from sciml.pdes.reaction_diffusion import ReactionDiffusion
    from sciml.pdes.robertson import Robertson
    from sciml.pdes.schrodinger import Schrodinger
    from sciml.pdes.taylor_green import TaylorGreen
    from sciml.pdes.two_materials import TwoMaterials
    from sciml.pdes.van_der_pol import VanDerPol
    from sciml.pdes.wave import Wave
    from sciml.problem import PDE

__all__ = [  # noqa: RUF022 - the registry first
    "names",
    "get",
    "build",
    "Advection",
    "AllenCahn",
    "AllenCahnBall",
    "Beam",
    "BlackScholes",
    "Burgers",
    "CahnHilliard",
    "ClampedPlate",
    "FokkerPlanck",
    "GinzburgLandau",
    "GrayScott",
    "HJB",
    "Heat",
    "HeatBall",
    "HeatMultiscale",
    "Helmholtz",
    "InverseBurgers",
    "InverseHeat",
    "InversePoisson",
    "InverseReaction",
    "KdV",
    "KleinGordon",
    "Kovasznay",
    "KuramotoSivashinsky",
    "LidDriven",
    "LoadedPlate",
    "Lorenz",
    "MaxwellCavity",
    "ParabolicBall",
    "PlateWithHole",
    "Poisson",
    "PoissonBoltzmann",
    "PoissonCosine",
    "PoissonDiscs",
    "ReactionDiffusion",
    "Robertson",
    "Schrodinger",
    "TaylorGreen",
    "TwoMaterials",
    "VanDerPol",
    "Wave",
]

_HOMES = lazy.homes(__file__, __all__)
__getattr__, __dir__ = lazy.attach(__name__, _HOMES)
# the name that files and the command line use is that of the module
_BY_NAME = {module.rpartition(".")[2].replace("_", "-"): kind for kind, module in _HOMES.items()}


def names() -> tuple[str, ...]:
    """The registered names, sorted."""
    return tuple(sorted(_BY_NAME))


def get(name: str) -> type[PDE]:
    """The class of a problem by its registered name; ``get("poisson")(dim=3)`` makes one.

    Raises:
        ArgumentError: An unknown name.
        ArgumentTypeError: No string.
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"name needs a string such as 'poisson', got {name!r}.")
    if name not in _BY_NAME:
        raise ArgumentError(
            f"name needs one of {', '.join(names())}, got {name!r}.{did_you_mean(name, names())}"
        )
    return __getattr__(_BY_NAME[name])


def build(name: str, **parameters: Any) -> PDE:
    """A problem from its registered name and plain parameters, as ``sciml.PDE.parameters`` gives them.

    Raises:
        ArgumentError: An unknown name or parameter, or a value that the problem refuses.
        ArgumentTypeError: A value of a wrong type.
    """
    from dataclasses import fields

    kind = get(name)
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for parameter in parameters:
        if parameter not in known:
            has = ", ".join(known) if known else "no parameter"
            hint = did_you_mean(parameter, known)
            raise ArgumentError(f"{name} needs {has}, got {parameter!r}.{hint}")
    return kind(**parameters)
