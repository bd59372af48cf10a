"""Classical controllers, evaluated beside every learned policy."""
