-- KEYS job, stream · ARGV fence, entry, group, consumer, lease in ms, step, progress, partial, 1 if it is the last -> 1 | 0 stale
local now = now_ms()
if not owns(KEYS[1], 'running', ARGV[1], now) or tonumber(ARGV[6]) <= tonumber(redis.call('HGET', KEYS[1], 'step')) then
  return 0
end
redis.call('HSET', KEYS[1], 'step', ARGV[6], 'progress', ARGV[7], 'partial', ARGV[8], 'attempts', 0,
  'lease_until', now + tonumber(ARGV[5]))
if ARGV[9] == '1' then
  -- From here on the effect may be had at any moment: it is too late to cancel.
  redis.call('HSET', KEYS[1], 'committed', 1)
end
redis.call('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[2], 'JUSTID')
return 1
