-- The turn is its user's only if the token is live: a dead or made-up one spends those of the address it came from.
-- KEYS session, revocation, limit of the user, limit of the address, user · ARGV user, interval in µs, tolerance in µs
-- -> 0 admitted | µs to wait
return gcra(live() and KEYS[3] or KEYS[4], tonumber(ARGV[2]), tonumber(ARGV[3]))
