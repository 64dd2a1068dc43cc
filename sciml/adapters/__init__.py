"""Fine-tuning: small differences from a solved network, trained for the next problem."""

from sciml.adapters.adapter import Adapter
from sciml.adapters.base import AdapterConfig, PlainConfig, from_dict, get_config
from sciml.adapters.changes import change_spectra, normalised_spectra
from sciml.adapters.fingerprint import fingerprint
from sciml.adapters.full import Full
from sciml.adapters.head import Head
from sciml.adapters.lora import LoRA
from sciml.adapters.lotra import LoTRA
from sciml.adapters.search import Gates, check_searchable, choose, search_ranks
from sciml.adapters.span import Span, SpanAdapter, member_network, member_print
from sciml.adapters.svd import SVD
from sciml.adapters.windows import WindowsAdapter, check_windowed, joined, spread
from sciml.jacobian.factors import AdaptedProblem, ChangeOfVariables
from sciml.tensors import hosvd, spectra

__all__ = [
    "SVD",
    "AdaptedProblem",
    "Adapter",
    "AdapterConfig",
    "ChangeOfVariables",
    "Full",
    "Gates",
    "Head",
    "LoRA",
    "LoTRA",
    "PlainConfig",
    "Span",
    "SpanAdapter",
    "WindowsAdapter",
    "change_spectra",
    "check_searchable",
    "check_windowed",
    "choose",
    "fingerprint",
    "from_dict",
    "get_config",
    "hosvd",
    "joined",
    "member_network",
    "member_print",
    "normalised_spectra",
    "search_ranks",
    "spectra",
    "spread",
]
