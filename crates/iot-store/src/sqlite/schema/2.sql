-- Nothing yet: the second step belongs to readings.
SELECT 1;
