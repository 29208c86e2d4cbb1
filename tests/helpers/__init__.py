"""Code that several files of tests share."""
