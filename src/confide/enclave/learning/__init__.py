"""What is worked out of the rows: training, tuning, the gate, predictions, statistics.

Nobody is spoken to here: `work.Step` goes out, and the coordination says what of it may be told to whom.
"""
