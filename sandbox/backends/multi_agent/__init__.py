"""Several learners: independent, with a central critic, and with a value of the team that is factored."""
