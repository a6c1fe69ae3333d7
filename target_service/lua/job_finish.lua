-- KEYS job, stream · ARGV fence, entry, group, output, retention in ms -> 1 | 0 stale
if not owns(KEYS[1], 'running', ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'state', 'done', 'progress', '1', 'output', ARGV[4])
redis.call('HDEL', KEYS[1], 'lease_until', 'partial', 'committed')
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('XACK', KEYS[2], ARGV[3], ARGV[2])
redis.call('XDEL', KEYS[2], ARGV[2])
return 1
