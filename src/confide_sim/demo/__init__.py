"""The main job, shown: seven processes on this machine, the same commands that three companies would give."""
