-- KEYS session, revocation, API key, API keys of the user, what the idempotency key made, user
-- ARGV user, id, name, most, fingerprint, kid, nonce, retention in ms
-- -> {'made'} | {'known', kid, nonce} | {'mismatch'} | {'full'} | false not live
if not live() then
  return false
end
local fingerprint, kid, nonce = unpack(redis.call('HMGET', KEYS[5], 'fingerprint', 'kid', 'nonce'))
if fingerprint == ARGV[5] then
  return {'known', kid, nonce}
elseif fingerprint then
  return {'mismatch'}
end
if redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[4]) then
  return {'full'}
end
redis.call('HSET', KEYS[3], 'user', ARGV[1], 'name', ARGV[3], 'created_ms', now_ms())
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[5], 'fingerprint', ARGV[5], 'kid', ARGV[6], 'nonce', ARGV[7])
redis.call('PEXPIRE', KEYS[5], ARGV[8])
return {'made'}
