-- KEYS session, revocation, API key, API keys of the user, user · ARGV user, id -> 1 | 0 no such key | false not live
if not live() then
  return false
end
if redis.call('HDEL', KEYS[4], ARGV[2]) == 0 then
  return 0
end
redis.call('DEL', KEYS[3])
return 1
