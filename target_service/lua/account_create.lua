-- KEYS user · ARGV username, password hash -> 1 created, 0 exists
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'username', ARGV[1], 'password', ARGV[2], 'created_ms', now_ms())
return 1
