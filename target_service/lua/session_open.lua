-- KEYS session, user · ARGV user, life in ms, signing key -> role | false no such account
local role, epoch = unpack(redis.call('HMGET', KEYS[2], 'role', 'epoch'))
if not role then
  return false
end
redis.call('HSET', KEYS[1], 'user', ARGV[1], 'epoch', epoch, 'generation', 1, 'oldest', 1, 'kid', ARGV[3],
  'opened_ms', now_ms())
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return role
