-- KEYS limit · ARGV interval in µs, tolerance in µs -> 0 admitted | µs to wait
return gcra(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
