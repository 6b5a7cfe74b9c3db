"""How many people machines carry: a budget per resource, and the one that binds.

Capacity is counted in registered users: in each world the largest number at which every budget holds. So a plan that
holds for many holds for fewer, and the same sums answer for any month of a scenario.
"""
