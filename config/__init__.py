"""How one installation is wired: imports everyone, imported by nobody."""
