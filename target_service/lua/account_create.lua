-- KEYS login name, user · ARGV user id, username, password hash, role -> 1 created, 0 the name is taken
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'password', ARGV[3])
redis.call('HSET', KEYS[2], 'username', ARGV[2], 'role', ARGV[4], 'epoch', 0, 'created_ms', now_ms())
return 1
