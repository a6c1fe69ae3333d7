-- KEYS session, revocation, payment, open payments
-- ARGV user, fingerprint, payment id if it is a new one, lease in ms, order (JSON), name
-- -> {'yours', fence, payment id} | {'busy'} | {'done', answer} | {'mismatch'} | false not live
if not live() then
  return false
end
local now = now_ms()
local record = redis.call('HMGET', KEYS[3], 'fingerprint', 'state', 'payment_id', 'lease_until', 'answer')
local fingerprint, state, payment_id, lease_until, answer = unpack(record)
if not fingerprint then
  payment_id = ARGV[3]
  redis.call('HSET', KEYS[3], 'fingerprint', ARGV[2], 'state', 'open', 'payment_id', payment_id, 'order', ARGV[5])
elseif fingerprint ~= ARGV[2] then
  return {'mismatch'}
elseif state == 'done' then
  return {'done', answer}
elseif tonumber(lease_until) > now then
  return {'busy'}
end
return {'yours', take(KEYS[3], KEYS[4], ARGV[6], now, ARGV[4]), payment_id}
