"""Fine-tuning: spans of solved members, the road from one adapter to the next, and families."""
