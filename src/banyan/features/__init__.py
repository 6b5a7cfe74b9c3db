"""What communities do, one folder per subject; each sees of the others only api, models, errors and signals."""
