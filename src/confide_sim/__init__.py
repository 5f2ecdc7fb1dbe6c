"""A SIMULATED TEE machine, its PCCS and the demo: protects nothing, absent from production installs."""
