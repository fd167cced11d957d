"""Settings: the configuration file, the environment and the account's terms."""
