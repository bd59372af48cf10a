"""Planning with a model of the task, given or learned."""
