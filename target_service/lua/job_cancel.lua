-- KEYS session, revocation, job · ARGV user, retention in ms
-- -> 'cancelled' | 'late' it is over, or its effect may be on its way | 'missing' | false not live
if not live() then
  return false
end
local user, state, committed = unpack(redis.call('HMGET', KEYS[3], 'user', 'state', 'committed'))
if user ~= ARGV[1] then
  return 'missing'
end
if state == 'cancelled' then
  return 'cancelled'
end
if (state ~= 'queued' and state ~= 'running') or committed then
  return 'late'
end
-- With the next fence, a worker that has the job finds its own stale. The entry leaves the stream at the next claim.
redis.call('HSET', KEYS[3], 'state', 'cancelled')
redis.call('HINCRBY', KEYS[3], 'fence', 1)
redis.call('HDEL', KEYS[3], 'lease_until', 'partial')
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return 'cancelled'
