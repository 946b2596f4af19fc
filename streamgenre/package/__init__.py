"""The embedded package: one step as files that run where nothing else of ours does."""
