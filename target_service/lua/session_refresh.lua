-- KEYS session, revocation, user · ARGV user, presented generation, grace in ms, life in ms, leeway in ms, signing key
-- -> {'ok', generation to answer with, role, key to sign it with} | {'refused'} | {'reused'} the family has been revoked
if redis.call('EXISTS', KEYS[2]) == 1 then
  return {'refused'}
end
local record = redis.call('HMGET', KEYS[1], 'user', 'generation', 'oldest', 'kid', 'epoch')
local user, current, oldest, kid = record[1], tonumber(record[2]), tonumber(record[3]), record[4]
local presented = tonumber(ARGV[2])
local role, epoch = unpack(redis.call('HMGET', KEYS[3], 'role', 'epoch'))
if user ~= ARGV[1] or not role or record[5] ~= epoch or presented > current then
  return {'refused'}
end
local now, grace = now_ms(), tonumber(ARGV[3])

if presented == current then
  redis.call('HSET', KEYS[1], 'generation', current + 1, 'retired:' .. current, now, 'kid', ARGV[6])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  -- A time of retirement is needed only during the grace. A generation without one was retired before the grace.
  while oldest < current do
    if now - tonumber(redis.call('HGET', KEYS[1], 'retired:' .. oldest)) <= grace then
      break
    end
    redis.call('HDEL', KEYS[1], 'retired:' .. oldest)
    oldest = oldest + 1
  end
  redis.call('HSET', KEYS[1], 'oldest', oldest)
  return {'ok', current + 1, role, ARGV[6]}
end

local retired = redis.call('HGET', KEYS[1], 'retired:' .. presented)
if retired and now - tonumber(retired) <= grace then
  if presented == current - 1 then
    return {'ok', current, role, kid}
  end
  return {'refused'}
end

redis.call('SET', KEYS[2], user, 'PX', math.max(redis.call('PTTL', KEYS[1]), 1) + ARGV[5])
redis.call('DEL', KEYS[1])
return {'reused'}
