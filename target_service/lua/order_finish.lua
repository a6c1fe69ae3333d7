-- KEYS order, open orders · ARGV fence, answer, name
-- -> the answer that counts (the first one) | false a newer owner has it
local state, fence, answer = unpack(redis.call('HMGET', KEYS[1], 'state', 'fence', 'answer'))
if state == 'processed' then
  return answer
end
if fence ~= ARGV[1] then
  return false
end
redis.call('HSET', KEYS[1], 'state', 'processed', 'answer', ARGV[2])
redis.call('HDEL', KEYS[1], 'lease_until')
redis.call('ZREM', KEYS[2], ARGV[3])
return ARGV[2]
