"""Forms that files come in: tables, trees, archives; read bounded, for every source. Pure."""
