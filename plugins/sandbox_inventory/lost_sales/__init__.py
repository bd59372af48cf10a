"""Lost sales with a lead time."""
