-- KEYS session, revocation, cart, memory of the line
-- ARGV user, line, what it holds (JSON), fingerprint, lines allowed, life of a cart in ms, retention in ms
-- -> {'ok'} | {'mismatch'} | {'full'} | false not live
if not live() then
  return false
end
local added = redis.call('GET', KEYS[4])
if added then
  return {added == ARGV[4] and 'ok' or 'mismatch'}
end
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[5]) then
  return {'full'}
end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
redis.call('SET', KEYS[4], ARGV[4], 'PX', ARGV[7])
return {'ok'}
