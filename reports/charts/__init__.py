"""Charts: one Altair specification each, for pages, pictures and interactive use, drawn without any network."""
