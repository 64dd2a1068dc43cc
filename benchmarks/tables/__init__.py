"""The tables of the documentation, from the records of ``benchmarks/results``: a module a page.

python -m benchmarks.tables  # writes them into the pages
"""
