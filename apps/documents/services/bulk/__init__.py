"""What is done with many documents: which of them it applies to, and the job that takes them one after the other."""
