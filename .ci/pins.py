"""Print a constraints file from pip's report of one resolution: ``python .ci/pins.py REPORT.json``."""

import json
import sys

HEADER = """\
# The versions that are tested together: every dependency of every extra, and what those pull in in turn.
# `make constraints` writes this file anew. torch is pinned in the same call to pip as everything else: left
# free, pip would choose another build and download several GB."""

with open(sys.argv[1], encoding="utf-8") as report:
    found = [package["metadata"] for package in json.load(report)["install"]]

print(HEADER)
for package in sorted(found, key=lambda p: p["name"].lower()):
    if package["name"] != "sciml-kan":
        # a local version (2.13.0+cpu) names one build; the pin is for every machine
        print(f"{package['name']}=={package['version'].partition('+')[0]}")
