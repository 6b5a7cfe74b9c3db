"""Contradictions of a file: one small module for each family, each finding with what is stated and what is computed.

`find_findings` asks them all. A module has `find(context)`, which yields findings and knows no other module.
"""
