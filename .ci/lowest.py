"""Print a constraints file of the lowest versions that pyproject.toml allows: ``python .ci/lowest.py``."""

import re
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]

for requirement in project["dependencies"]:
    name, version = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement).groups()
    print(f"{name}=={version}")
