-- KEYS session, revocation, limit · ARGV user, interval in µs, tolerance in µs -> 0 admitted | µs to wait | false not live
if not live() then
  return false
end
return gcra(KEYS[3], tonumber(ARGV[2]), tonumber(ARGV[3]))
