"""Classical controllers, evaluated along with learned policies."""
