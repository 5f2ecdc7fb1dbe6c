"""How the parties' rows find each other."""
