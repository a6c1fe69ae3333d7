-- KEYS session, revocation, user · ARGV user -> {username, created_ms, role} | false not live
if not live() then
  return false
end
return redis.call('HMGET', KEYS[3], 'username', 'created_ms', 'role')
