-- KEYS open orders · ARGV how many, for how long to put each off in ms -> names whose lease has ended
return due(KEYS[1], ARGV[1], ARGV[2])
