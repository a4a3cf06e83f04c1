-- Take from all buckets or from none. KEYS: the buckets. ARGV: the place's name, then for each bucket
-- kind ('bucket', 'quota', 'places'), limit, milliseconds (that it refills in, until it ends, of a lease), cost, need,
-- and what is used of a quota that is not known here (-1: that is not known either).
-- Answers in one line, which is read faster than lists: 1 or 0, and for each bucket what is left and the milliseconds to wait;
-- or -1, and the numbers of unknown quotas.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local granted, unknown, answer, todo = 1, {}, {}, {}

local function argument(bucket, number)
  return tonumber(ARGV[(bucket - 1) * 6 + number + 2])
end

for i, key in ipairs(KEYS) do
  local kind = ARGV[(i - 1) * 6 + 2]
  local limit, span, cost, need = argument(i, 1), argument(i, 2), argument(i, 3), argument(i, 4)
  local left, wait = 0, 0
  if kind == 'bucket' then
    -- The moment at which it will be full again says all there is to say: GCRA.
    local interval = limit > 0 and span / limit or 0
    local full = math.max(tonumber(redis.call('GET', key) or now), now)
    left = limit > 0 and limit - (full - now) / interval or 0
    local least = math.min(need, limit)
    if left + 0.000001 < least or limit == 0 then
      wait = limit > 0 and (least - left) * interval or span
    end
    todo[i] = { 'bucket', full + cost * interval, span }
  elseif kind == 'quota' then
    local used = redis.call('GET', key)
    if not used then
      local told = argument(i, 5)
      if told < 0 then
        table.insert(unknown, i)
      else
        redis.call('SET', key, string.format('%.0f', told), 'PX', string.format('%.0f', span))
        used = told
      end
    end
    left = limit - (tonumber(used) or 0)
    if left < need or limit == 0 then wait = span end
    todo[i] = { 'quota', cost }
  else
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    left = limit - redis.call('ZCARD', key)
    if left < need or limit == 0 then wait = 1000 end
    todo[i] = { 'places', now + span, span }
  end
  if wait > 0 then granted = 0 end
  table.insert(answer, math.floor(left + 0.000001))
  table.insert(answer, math.ceil(wait))
end

local function told(first, numbers)
  local parts = { first }
  for _, number in ipairs(numbers) do table.insert(parts, string.format('%.0f', number)) end
  return table.concat(parts, ' ')
end

if #unknown > 0 then return told('-1', unknown) end
if granted == 0 then return told('0', answer) end

for i, key in ipairs(KEYS) do
  local cost = argument(i, 3)
  local what, value, span = todo[i][1], todo[i][2], todo[i][3]
  if what == 'bucket' and cost > 0 then
    redis.call('SET', key, string.format('%.6f', value), 'PX', string.format('%.0f', math.max(value - now, 0) + 1000))
  elseif what == 'quota' and cost > 0 then
    redis.call('INCRBY', key, string.format('%.0f', value))
  elseif what == 'places' then
    redis.call('ZADD', key, value, ARGV[1])
    redis.call('PEXPIRE', key, string.format('%.0f', span))
  end
  answer[i * 2 - 1] = answer[i * 2 - 1] - cost
end
return told('1', answer)
