-- KEYS session · ARGV user, life in ms -> 1
redis.call('HSET', KEYS[1], 'user', ARGV[1], 'generation', 1, 'oldest', 1, 'opened_ms', now_ms())
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
