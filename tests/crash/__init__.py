"""The crash campaign: processes killed at every step, and a look at whether anything is lost or left."""
