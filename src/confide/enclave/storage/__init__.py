"""Where blocks, encoded rows and checkpoints are kept: in memory or sealed on disk; forecasts of both."""
