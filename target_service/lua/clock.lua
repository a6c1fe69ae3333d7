-- Returns the time in milliseconds of Unix time. Only the store's clock counts, so replicas need not agree on the time.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

