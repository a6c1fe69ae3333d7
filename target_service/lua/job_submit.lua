-- KEYS session, revocation, job, stream, key · ARGV user, job id, input (JSON), reference, fingerprint, retention in ms
-- -> {'ok', job id} | {'mismatch'} | false not live
if not live() then
  return false
end
local id, fingerprint = unpack(redis.call('HMGET', KEYS[5], 'job', 'fingerprint'))
if id then
  if fingerprint ~= ARGV[5] then
    return {'mismatch'}
  end
  return {'ok', id}
end
redis.call('HSET', KEYS[3], 'user', ARGV[1], 'state', 'queued', 'progress', '0', 'step', 0, 'fence', 0,
  'attempts', 0, 'lease_until', 0, 'input', ARGV[3], 'reference', ARGV[4])
redis.call('XADD', KEYS[4], '*', 'job', ARGV[2])
redis.call('HSET', KEYS[5], 'job', ARGV[2], 'fingerprint', ARGV[5])
redis.call('PEXPIRE', KEYS[5], ARGV[6])
return {'ok', ARGV[2]}
