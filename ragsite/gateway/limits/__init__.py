"""How much a caller may ask for: limits a key, person and tenant, counted for all processes together.

`gate` stands at the edge, before every door, and takes what a request costs from each bucket that holds for it: `account` notes
what was taken, `limiter` asks the store. `redis_store` counts for all processes, `local_store` for one while Redis is away;
`quotas` keeps what is used of a day or month in PostgreSQL. `rows` is where limits are set, `parties` to whom they belong.
"""
