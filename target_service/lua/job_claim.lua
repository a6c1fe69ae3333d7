-- KEYS job, stream, dead letters
-- ARGV entry, group, consumer, lease in ms, attempts allowed without progress, retention in ms, job id
-- -> {'yours', fence, step, partial, input, reference} | {'busy'} | {'over'} | {'dead'}
local now = now_ms()
local record = redis.call('HMGET', KEYS[1], 'state', 'lease_until', 'attempts', 'step', 'partial', 'input', 'reference')
local state, lease_until, attempts, step, partial, input, reference = unpack(record)
if state ~= 'queued' and state ~= 'running' then
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
  redis.call('XDEL', KEYS[2], ARGV[1])
  return {'over'}
end
if tonumber(lease_until) > now then
  return {'busy'}
end
if tonumber(attempts) >= tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[1], 'state', 'dead', 'error', 'gave up after ' .. attempts .. ' attempts without progress')
  redis.call('HINCRBY', KEYS[1], 'fence', 1)
  redis.call('HDEL', KEYS[1], 'lease_until', 'partial')
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  redis.call('XADD', KEYS[3], '*', 'job', ARGV[7], 'attempts', attempts)
  redis.call('XACK', KEYS[2], ARGV[2], ARGV[1])
  redis.call('XDEL', KEYS[2], ARGV[1])
  return {'dead'}
end
redis.call('HSET', KEYS[1], 'state', 'running', 'lease_until', now + tonumber(ARGV[4]))
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
-- The idle time of the entry and the lease of the job start together, so XAUTOCLAIM finds the jobs that may be claimed.
redis.call('XCLAIM', KEYS[2], ARGV[2], ARGV[3], 0, ARGV[1], 'JUSTID')
return {'yours', redis.call('HINCRBY', KEYS[1], 'fence', 1), tonumber(step), partial or '', input, reference}
