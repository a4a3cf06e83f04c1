-- Take more, or with a negative number give back, whether it is there or not. KEYS: the buckets. ARGV, for each: kind
-- ('bucket', 'quota'), limit, milliseconds that it refills in, and how much.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
for i, key in ipairs(KEYS) do
  local kind, limit = ARGV[i * 4 - 3], tonumber(ARGV[i * 4 - 2])
  local span, amount = tonumber(ARGV[i * 4 - 1]), tonumber(ARGV[i * 4])
  if kind == 'quota' then
    -- What is not known here is told by the next who asks, from the record.
    if redis.call('EXISTS', key) == 1 then
      local used = redis.call('INCRBY', key, string.format('%.0f', amount))
      if used < 0 then redis.call('INCRBY', key, string.format('%.0f', -used)) end
    end
  elseif limit > 0 then
    local full = math.max(tonumber(redis.call('GET', key) or now), now) + amount * span / limit
    if full > now then
      redis.call('SET', key, string.format('%.6f', full), 'PX', string.format('%.0f', full - now + 1000))
    else
      redis.call('DEL', key)
    end
  end
end
return 1
