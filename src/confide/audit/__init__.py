"""Hash-chained audit logs and their signed heads (spec/audit.md)."""
