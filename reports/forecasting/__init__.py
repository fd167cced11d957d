"""Forecasts of usage that say how far they can be trusted.

The one documented callable is ``reports.forecasting.curves:forecast``. Nothing is imported here: some commands only
want the words, and NumPy is loaded by those who forecast.
"""
