"""Parts that step methods are put together from."""
