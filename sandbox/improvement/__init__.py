"""From logged episodes to a policy that is deployed only where it is better than the one that made them."""
