"""Alerts: rules over what the store knows, looked at by the workers, and told to whoever is on call."""
