-- The generic cell rate algorithm, by the store's clock. The key holds when the next request would be due if all came
-- evenly, in microseconds; one may come early by the tolerance. -> 0 admitted | microseconds until it would be
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

