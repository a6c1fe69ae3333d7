-- Uses a turn of a rate limit, if there is one, by the store's clock: the generic cell rate algorithm. The key holds
-- when the next request would be due if all came evenly, in microseconds. A request may be early by the tolerance.
-- -> 0 admitted | microseconds until there is a turn
local function gcra(key, interval, tolerance)
  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local due = math.max(tonumber(redis.call('GET', key) or 0), now)
  if due - now > tolerance then
    return due - now - tolerance
  end
  due = due + interval
  redis.call('SET', key, string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
  return 0
end

