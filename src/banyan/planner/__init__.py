"""The planner: from a workload to servers, phases, cost, configuration and the date of the next upgrade.

Pure: values in, values out. Nothing here reads a clock, a file of the user's, the network or the database;
`cli/plan.py` does, and prints. The planner's own data (prices, profiles, rules, tables) lies beside the code that
reads it.
"""
