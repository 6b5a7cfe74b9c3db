"""The operator's routes, for admins only. The rules are the features' and infra's; each reading of somebody's data and
each action is audited there, in its own transaction."""
