-- KEYS session, revocation, API key, API keys of the user, user · ARGV user, id, name, most -> 1 | 0 too many | false
if not live() then
  return false
end
if redis.call('HLEN', KEYS[4]) >= tonumber(ARGV[4]) then
  return 0
end
redis.call('HSET', KEYS[3], 'user', ARGV[1], 'name', ARGV[3], 'created_ms', now_ms())
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
return 1
