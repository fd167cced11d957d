"""The yardstick of the forecasts: what is asked, how answers are measured, and how ours is fitted."""
