"""Charges and fields on grids: what the fft and mesh methods share."""
