"""How long work waits for busy servers: exact where a formula is proven, from a table filled by simulation elsewhere.

`exact` holds the formulas, `response` answers for any variation and dispatch and gives the largest rate within an
objective, `simulate` is the independent simulation that fills the table and checks the formulas.
"""
