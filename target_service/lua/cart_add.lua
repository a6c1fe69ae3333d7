-- KEYS session, revocation, cart, memory of the line
-- ARGV user, line, what it holds (JSON), lines allowed, life of a cart in ms, life of the memory in ms
-- -> {'ok'} | {'mismatch'} | {'full'} | false not live
if not live() then
  return false
end
-- A line that is in the cart says itself that it was added, even when the memory of it has expired.
local added = redis.call('HGET', KEYS[3], ARGV[2]) or redis.call('GET', KEYS[4])
if added then
  return {added == ARGV[3] and 'ok' or 'mismatch'}
end
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[4]) then
  return {'full'}
end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[6])
return {'ok'}
