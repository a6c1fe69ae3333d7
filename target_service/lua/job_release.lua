-- KEYS job, stream · ARGV fence, entry, group, consumer, idle time to give the entry in ms, 1 if the attempt counts
-- -> 1 | 0 stale
local state, fence, attempts = unpack(redis.call('HMGET', KEYS[1], 'state', 'fence', 'attempts'))
if state ~= 'running' or fence ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'lease_until', 0)
if ARGV[6] == '0' then
  redis.call('HSET', KEYS[1], 'attempts', math.max(tonumber(attempts) - 1, 0))
end
redis.call('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[2], 'IDLE', ARGV[5], 'JUSTID')
return 1
