"""Adapters of `core.task_store.TaskStore`: memory and SQLite, held to one contract suite."""
