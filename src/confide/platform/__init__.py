"""The platform outside the enclave: tasks, launcher, access.

It can't open sealed data, read tables or train.
"""
