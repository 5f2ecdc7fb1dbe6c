"""The process around the script: who comes in, one loop that opens, asks and sends, the TEE, its errors."""
