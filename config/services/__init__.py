"""The stores that an installation runs by itself: PostgreSQL and Redis, from their wheels or from PATH."""
