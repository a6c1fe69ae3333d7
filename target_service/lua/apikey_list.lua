-- KEYS session, revocation, API keys of the user, user · ARGV user -> {id, name, id, name ...} | false not live
if not live() then
  return false
end
return redis.call('HGETALL', KEYS[3])
