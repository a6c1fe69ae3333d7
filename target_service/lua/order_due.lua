-- KEYS open orders · ARGV how many, for how long to put each off in ms -> names whose lease has ended, longest ago first
-- Put off by whoever looks, so that those that cannot be read do not stand before the others for ever.
local now = now_ms()
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, name in ipairs(names) do
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), name)
end
return names
