"""One module a claim: what it says, how it is measured, and the switch that breaks it."""
