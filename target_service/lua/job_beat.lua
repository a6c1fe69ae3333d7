-- KEYS job, stream · ARGV fence, entry, group, consumer, lease in ms -> 1 renewed | 0 stale
local now = now_ms()
if not owns(KEYS[1], 'running', ARGV[1], now) then
  return 0
end
redis.call('HSET', KEYS[1], 'lease_until', now + tonumber(ARGV[5]))
redis.call('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[2], 'JUSTID')
return 1
