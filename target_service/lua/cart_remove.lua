-- KEYS session, revocation, cart, memory of the line · ARGV user, line, life of a cart in ms, life of the memory in ms
-- -> 1 removed | 0 no such line | false not live
if not live() then
  return false
end
local held = redis.call('HGET', KEYS[3], ARGV[2])
if not held then
  return 0
end
redis.call('HDEL', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
redis.call('SET', KEYS[4], held, 'PX', ARGV[4])
return 1
