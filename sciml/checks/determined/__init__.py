"""Whether conditions determine a solution: what nothing is stated about, and what is stated twice."""
