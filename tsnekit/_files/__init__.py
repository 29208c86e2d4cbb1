"""The one border to files: everything that is read or written passes here."""
