"""Language models: requests join and leave a common batch at every step."""
