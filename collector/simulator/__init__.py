"""Both provider APIs on loopback, for trying out and for tests."""
