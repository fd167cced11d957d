"""Notifications: messages and the services that take them. No other part of the house talks to a mail server."""
