-- KEYS job, stream · ARGV fence, entry, group, consumer, idle time to give the entry in ms, 1 if the attempt counts
-- -> 1 | 0 stale
if not owns(KEYS[1], 'running', ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'lease_until', 0)
if ARGV[6] == '0' then
  redis.call('HSET', KEYS[1], 'attempts', math.max(tonumber(redis.call('HGET', KEYS[1], 'attempts')) - 1, 0))
end
redis.call('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[2], 'IDLE', ARGV[5], 'JUSTID')
return 1
