-- KEYS payment, open payments · ARGV fence, answer, retention in ms, name
-- -> the answer that counts (the first one) | false a newer owner has it
local state, fence, answer = unpack(redis.call('HMGET', KEYS[1], 'state', 'fence', 'answer'))
if state == 'done' then
  return answer
end
if fence ~= ARGV[1] then
  return false
end
redis.call('HSET', KEYS[1], 'state', 'done', 'answer', ARGV[2])
redis.call('HDEL', KEYS[1], 'lease_until', 'order')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[4])
return ARGV[2]
