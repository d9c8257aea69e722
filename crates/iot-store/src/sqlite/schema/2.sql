-- Nothing: the steps before and behind it are what they are without it.
SELECT 1;
