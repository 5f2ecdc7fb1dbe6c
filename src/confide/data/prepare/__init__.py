"""From a source file to a prepared dataset, in one pass over the source, in bounded memory."""

from confide.data.prepare.run import prepare

__all__ = ["prepare"]
