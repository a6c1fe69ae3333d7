-- Uses a turn of the user if the session is live, else one of the address: a dead or made-up token spends no user's.
-- KEYS session, revocation, limit of the user, limit of the address, user · ARGV user, interval in µs, tolerance in µs
-- -> 0 admitted | µs to wait
return gcra(live() and KEYS[3] or KEYS[4], tonumber(ARGV[2]), tonumber(ARGV[3]))
