"""How many workers a load needs: the queues simulated with service times that were measured."""
