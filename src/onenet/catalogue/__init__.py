"""Reading, checking and building the catalogue that cities keep as YAML files."""
