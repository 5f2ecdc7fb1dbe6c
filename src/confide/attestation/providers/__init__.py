"""One file per TEE: each implements core.ports.Quoter with the interface that the vendor documents."""
