-- Every authenticated script has KEYS[1] session, KEYS[2] revocation, ARGV[1] user, and answers false (nil to the
-- client) when the session is not live. The check and the operation are one atomic step: there is no gap in which a
-- revoked session still acts.
local function live()
  return redis.call('EXISTS', KEYS[2]) == 0 and redis.call('HGET', KEYS[1], 'user') == ARGV[1]
end

