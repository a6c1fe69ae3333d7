-- KEYS order, open orders · ARGV name, fence, answer; the retention that follows is not used: an order lives for ever
-- -> the answer that counts (the first one) | false a newer owner has it
return (finish(KEYS[1], KEYS[2], ARGV[1], 'processed', ARGV[2], ARGV[3]))
