-- KEYS session, revocation, user changed, user · ARGV user, role -> 1 | 0 no such user | false not live
if not live() then
  return false
end
local role = redis.call('HGET', KEYS[3], 'role')
if not role then
  return 0
end
if role ~= ARGV[2] then
  redis.call('HSET', KEYS[3], 'role', ARGV[2])
  -- Tokens say the role, so the sessions whose tokens say the old one end here; the clients log in again.
  redis.call('HINCRBY', KEYS[3], 'epoch', 1)
end
return 1
