"""The optimization: parameters, gradient, plan and loop."""
