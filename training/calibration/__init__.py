"""Temperature and thresholds of a trained network, fitted on the validation split."""
