"""Classical controllers: rules that choose phases from the state that learners observe."""
