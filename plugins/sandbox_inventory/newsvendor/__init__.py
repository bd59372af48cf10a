"""The newsvendor: one order for one period's demand."""
