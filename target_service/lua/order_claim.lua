-- KEYS session, revocation, order, open orders, what the idempotency key was used for, user
-- ARGV user, claimant, fingerprint, receipt if it is a new one, lease in ms, what is wanted (JSON), name, retention in ms
-- -> {'yours', fence, receipt} | {'busy'} | {'done', answer} | {'taken'} | {'mismatch'} | false not live
if not live() then
  return false
end
local used = redis.call('GET', KEYS[5])
if used and used ~= ARGV[7] then
  return {'mismatch'}
end
local now = now_ms()
local record = redis.call('HMGET', KEYS[3], 'claimant', 'fingerprint', 'state', 'receipt', 'lease_until', 'answer')
local claimant, fingerprint, state, receipt, lease_until, answer = unpack(record)
if not claimant then
  receipt = ARGV[4]
  redis.call('HSET', KEYS[3], 'user', ARGV[1], 'claimant', ARGV[2], 'fingerprint', ARGV[3], 'state', 'processing',
    'receipt', receipt, 'wanted', ARGV[6])
  redis.call('SET', KEYS[5], ARGV[7], 'PX', ARGV[8])
elseif claimant ~= ARGV[2] then
  return {'taken'}
elseif fingerprint ~= ARGV[3] then
  return {'mismatch'}
elseif state == 'processed' then
  return {'done', answer}
elseif tonumber(lease_until) > now then
  return {'busy'}
end
return {'yours', take(KEYS[3], KEYS[4], ARGV[7], now, ARGV[5]), receipt}
