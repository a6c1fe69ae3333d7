-- KEYS session, revocation, job · ARGV user -> {user, state, progress, output, error} | false not live
if not live() then
  return false
end
return redis.call('HMGET', KEYS[3], 'user', 'state', 'progress', 'output', 'error')
