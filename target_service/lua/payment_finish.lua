-- KEYS payment, open payments · ARGV name, fence, answer, retention in ms
-- -> the answer that counts (the first one) | false a newer owner has it
local answer, stored = finish(KEYS[1], KEYS[2], ARGV[1], 'done', ARGV[2], ARGV[3])
if stored then
  redis.call('HDEL', KEYS[1], 'order')
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return answer
