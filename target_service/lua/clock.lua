-- The store's clock, in milliseconds: the only one, so that replicas need not agree on the time.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

