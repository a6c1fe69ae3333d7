-- KEYS order, open orders · ARGV fence, name, backoff in ms before the completer takes it -> 1 | 0 not the owner
local state, fence = unpack(redis.call('HMGET', KEYS[1], 'state', 'fence'))
if state ~= 'processing' or fence ~= ARGV[1] then
  return 0
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'lease_until', now)
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])
return 1
