"""`banyan plan diff`: what moved in a file, what each move alone does to the plan, and both in sentences."""
