"""The error of a solution, estimated without knowing the right one."""
