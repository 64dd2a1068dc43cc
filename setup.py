"""List the packages: four root folders are installed under the one import name ``sciml``."""

from setuptools import find_packages, setup

FOLDERS = {"sciml": "sciml", "sciml.solvers": "solvers", "sciml.pdes": "pdes", "sciml.kernels": "kernels"}

setup(
    package_dir=FOLDERS,
    packages=[
        name
        for package, folder in FOLDERS.items()
        for name in (package, *(f"{package}.{inner}" for inner in find_packages(folder)))
    ],
)
