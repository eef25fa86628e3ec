"""How names are read, found and compared."""
