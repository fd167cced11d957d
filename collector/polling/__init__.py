"""The use-case of one poll: ask, understand, store, and say when to ask next."""
