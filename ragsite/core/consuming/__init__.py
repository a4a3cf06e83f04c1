"""Programs that take events from Kafka: what they get, how they drop repeats, and where what can't be taken goes."""
