-- KEYS open orders · ARGV how many -> names whose lease has ended, longest ago first
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'LIMIT', 0, ARGV[1])
