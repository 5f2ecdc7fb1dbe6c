"""What the enclave says next, and why: negotiation, agreement, upload, release, receipt, takeover. Sans-I/O.

No row is read here. `context`, `course` and `round` are what it knows of the process, the task and one round.
"""
