"""What every part uses: checks, progress, and the settings of the process."""
