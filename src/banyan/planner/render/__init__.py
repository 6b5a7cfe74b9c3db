"""From a deployment to the files that build it, each for the machine it is named for.

`everything` gives all of them; the other modules make one kind each, from the values of `planner/configuration`.
"""
