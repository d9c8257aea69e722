-- How far the journal has been folded: its rows up to this one no longer count for the node or series.
ALTER TABLE source ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;

-- The present by which the age of readings was counted last.
ALTER TABLE state ADD COLUMN present INTEGER;
UPDATE state SET present = (SELECT max(arrived) FROM latest);

-- Readings of one series, by when they were measured; the view `reading` unpacks them. What schema 1 packed is
-- packed anew by the hub and then dropped.
ALTER TABLE chunk RENAME TO chunk_1;
DROP INDEX chunk_by_series;
DROP INDEX chunk_open;
DROP INDEX chunk_by_age;
CREATE TABLE chunk (
    id       INTEGER PRIMARY KEY,     -- ascends with the commits
    series   INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest   INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    sealed   INTEGER NOT NULL,        -- full: never written again
    columns  TEXT NOT NULL,           -- JSON: how they are packed
    bits     BLOB NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX chunk_by_series ON chunk (series, latest, earliest);
CREATE INDEX chunk_open ON chunk (series, id) WHERE sealed = 0;

-- Buckets of five minutes of days that are not over, and what came late to those that are.
CREATE TABLE bucket (
    series INTEGER NOT NULL,
    start  INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    min    REAL NOT NULL,
    max    REAL NOT NULL,
    sum    REAL NOT NULL,
    PRIMARY KEY (series, start)
) STRICT, WITHOUT ROWID;

-- Buckets of days that are over, packed; the views `five_minutes`, `hour` and `day` unpack them.
CREATE TABLE rollup (
    id         INTEGER PRIMARY KEY,
    series     INTEGER NOT NULL,
    resolution INTEGER NOT NULL,      -- how long a bucket is: 300000, 3600000 or 86400000
    start      INTEGER NOT NULL,
    buckets    INTEGER NOT NULL,
    columns    TEXT NOT NULL,         -- JSON: how they are packed
    bits       BLOB NOT NULL,
    checksum   INTEGER NOT NULL,
    UNIQUE (series, resolution, start)
) STRICT;

-- The places in a chunk, and the bytes in ascending order: with them plain SQL unpacks what is packed.
CREATE TABLE position (place INTEGER PRIMARY KEY) STRICT;
INSERT INTO position
    WITH RECURSIVE places (place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM places WHERE place < 4095)
    SELECT place FROM places;
CREATE TABLE byte (ascending BLOB NOT NULL) STRICT;
INSERT INTO byte VALUES (x'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF');

-- Two to the power of each exponent that a float can have.
CREATE TABLE power (exponent INTEGER PRIMARY KEY, factor REAL NOT NULL) STRICT;
INSERT INTO power
    WITH RECURSIVE
        up (exponent, factor) AS
            (SELECT 0, 1.0 UNION ALL SELECT exponent + 1, factor * 2.0 FROM up WHERE exponent < 971),
        down (exponent, factor) AS
            (SELECT -1, 0.5 UNION ALL SELECT exponent - 1, factor / 2.0 FROM down WHERE exponent > -1074)
    SELECT exponent, factor FROM up UNION ALL SELECT exponent, factor FROM down;

-- What follows is for people with the sqlite3 shell; the hub does not use it. A number of a column is eight bytes
-- from the one on in which it begins, shifted and masked: see column.rs and form.rs.

-- Where the columns of a chunk begin and how they are packed.
CREATE VIEW chunk_column AS
SELECT *,
    1 + (readings * measured_width + 7) / 8 AS delay_first,
    1 + (readings * measured_width + 7) / 8 + (readings * delay_width + 7) / 8 AS value_first
FROM (
    SELECT *, columns ->> '$.form' AS form, columns ->> '$.per' AS per, max(readings - 1, 1) AS run,
        columns ->> '$.measured[0]' AS measured_base, columns ->> '$.measured[1]' AS measured_rise, columns ->> '$.measured[2]' AS measured_unit, columns ->> '$.measured[3]' AS measured_width,
        columns ->> '$.delay[0]' AS delay_base, columns ->> '$.delay[1]' AS delay_rise, columns ->> '$.delay[2]' AS delay_unit, columns ->> '$.delay[3]' AS delay_width,
        columns ->> '$.value[0]' AS value_base, columns ->> '$.value[1]' AS value_rise, columns ->> '$.value[2]' AS value_unit, columns ->> '$.value[3]' AS value_width
    FROM chunk);

-- Readings, but for those of the last minutes, which stand in the journal.
CREATE VIEW reading AS
SELECT node, module, channel,
    strftime('%Y-%m-%dT%H:%M:%fZ', measured / 1000.0, 'unixepoch') AS measured,
    strftime('%Y-%m-%dT%H:%M:%fZ', (measured + delay) / 1000.0, 'unixepoch') AS arrived,
    iif(form IN ('bool', 'int'), form, 'float') AS value_type,
    CASE form
        WHEN 'decimal' THEN whole * 1.0 / per
        WHEN 'single' THEN whole * 1.0 / per * 536870913.0
                           - (whole * 1.0 / per * 536870913.0 - whole * 1.0 / per)
        WHEN 'binary' THEN iif(whole < 0, -1.0, 1.0) * ((whole & 4503599627370495) + iif(whole >> 52 & 2047, 4503599627370496, 0))
                           * (SELECT factor FROM power WHERE exponent = max(whole >> 52 & 2047, 1) - 1075)
        ELSE whole
    END AS value
FROM (
    SELECT series, form, per,
        measured_base + position.place * measured_rise / run + measured_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, 1 + position.place * measured_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - measured_width - position.place * measured_width % 8) & ((1 << measured_width) - 1)) AS measured,
        delay_base + position.place * delay_rise / run + delay_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, delay_first + position.place * delay_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - delay_width - position.place * delay_width % 8) & ((1 << delay_width) - 1)) AS delay,
        value_base + position.place * value_rise / run + value_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, value_first + position.place * value_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - value_width - position.place * value_width % 8) & ((1 << value_width) - 1)) AS whole
    FROM chunk_column JOIN position ON place < readings JOIN byte
    WHERE form <> 'mixed')
JOIN series ON series.number = series JOIN source ON source.number = series.source
UNION ALL
SELECT node, module, channel,
    strftime('%Y-%m-%dT%H:%M:%fZ', (entry.value ->> '$[0]') / 1000.0, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', (entry.value ->> '$[1]') / 1000.0, 'unixepoch'),
    kept.key, kept.value
FROM chunk JOIN json_each(CAST(bits AS TEXT)) AS entry JOIN json_each(entry.value, '$[2]') AS kept
JOIN series ON series.number = series JOIN source ON source.number = series.source
WHERE columns ->> '$.form' = 'mixed';

-- The latest reading of each series.
CREATE VIEW reading_latest AS
SELECT node, module, channel,
    strftime('%Y-%m-%dT%H:%M:%fZ', measured / 1000.0, 'unixepoch') AS measured,
    strftime('%Y-%m-%dT%H:%M:%fZ', arrived / 1000.0, 'unixepoch') AS arrived,
    value_type, value
FROM latest JOIN series ON series.number = series JOIN source ON source.number = series.source;

-- Reports that never came.
CREATE VIEW report_gap AS
SELECT node, boot, before, missing, strftime('%Y-%m-%dT%H:%M:%fZ', arrived / 1000.0, 'unixepoch') AS arrived
FROM gap JOIN source ON source.number = source;

-- Where the columns of packed buckets begin and how they are packed.
CREATE VIEW rollup_column AS
SELECT *,
    count_first + (buckets * count_width + 7) / 8 AS min_first,
    count_first + (buckets * count_width + 7) / 8 + (buckets * min_width + 7) / 8 AS max_first,
    count_first + (buckets * count_width + 7) / 8 + (buckets * min_width + 7) / 8
        + (buckets * max_width + 7) / 8 AS sum_first
FROM (
    SELECT *, columns ->> '$.form' AS form, columns ->> '$.per' AS per, max(buckets - 1, 1) AS run,
        1 + (buckets * (columns ->> '$.start[3]') + 7) / 8 AS count_first,
        columns ->> '$.start[0]' AS start_base, columns ->> '$.start[1]' AS start_rise, columns ->> '$.start[2]' AS start_unit, columns ->> '$.start[3]' AS start_width,
        columns ->> '$.count[0]' AS count_base, columns ->> '$.count[1]' AS count_rise, columns ->> '$.count[2]' AS count_unit, columns ->> '$.count[3]' AS count_width,
        columns ->> '$.min[0]' AS min_base, columns ->> '$.min[1]' AS min_rise, columns ->> '$.min[2]' AS min_unit, columns ->> '$.min[3]' AS min_width,
        columns ->> '$.max[0]' AS max_base, columns ->> '$.max[1]' AS max_rise, columns ->> '$.max[2]' AS max_unit, columns ->> '$.max[3]' AS max_width,
        columns ->> '$.sum[0]' AS sum_base, columns ->> '$.sum[1]' AS sum_rise, columns ->> '$.sum[2]' AS sum_unit, columns ->> '$.sum[3]' AS sum_width
    FROM rollup);

-- Buckets of each resolution; one that is in both tables has two rows here.
CREATE VIEW bucket_part AS
SELECT series, resolution, start, count,
    CASE form
        WHEN 'decimal' THEN low * 1.0 / per
        WHEN 'single' THEN low * 1.0 / per * 536870913.0
                           - (low * 1.0 / per * 536870913.0 - low * 1.0 / per)
        WHEN 'binary' THEN iif(low < 0, -1.0, 1.0) * ((low & 4503599627370495) + iif(low >> 52 & 2047, 4503599627370496, 0))
                           * (SELECT factor FROM power WHERE exponent = max(low >> 52 & 2047, 1) - 1075)
        ELSE low
    END AS min,
    CASE form
        WHEN 'decimal' THEN high * 1.0 / per
        WHEN 'single' THEN high * 1.0 / per * 536870913.0
                           - (high * 1.0 / per * 536870913.0 - high * 1.0 / per)
        WHEN 'binary' THEN iif(high < 0, -1.0, 1.0) * ((high & 4503599627370495) + iif(high >> 52 & 2047, 4503599627370496, 0))
                           * (SELECT factor FROM power WHERE exponent = max(high >> 52 & 2047, 1) - 1075)
        ELSE high
    END AS max,
    CASE form
        WHEN 'decimal' THEN total * 1.0 / per
        WHEN 'single' THEN total * 1.0 / per * 536870913.0
                           - (total * 1.0 / per * 536870913.0 - total * 1.0 / per)
        WHEN 'binary' THEN iif(total < 0, -1.0, 1.0) * ((total & 4503599627370495) + iif(total >> 52 & 2047, 4503599627370496, 0))
                           * (SELECT factor FROM power WHERE exponent = max(total >> 52 & 2047, 1) - 1075)
        ELSE total
    END AS sum
FROM (
    SELECT series, resolution, form, per,
        start_base + position.place * start_rise / run + start_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, 1 + position.place * start_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - start_width - position.place * start_width % 8) & ((1 << start_width) - 1)) AS start,
        count_base + position.place * count_rise / run + count_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, count_first + position.place * count_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - count_width - position.place * count_width % 8) & ((1 << count_width) - 1)) AS count,
        min_base + position.place * min_rise / run + min_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, min_first + position.place * min_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - min_width - position.place * min_width % 8) & ((1 << min_width) - 1)) AS low,
        max_base + position.place * max_rise / run + max_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, max_first + position.place * max_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - max_width - position.place * max_width % 8) & ((1 << max_width) - 1)) AS high,
        sum_base + position.place * sum_rise / run + sum_unit * (
          (SELECT coalesce(sum((instr(ascending, substr(bits, sum_first + position.place * sum_width / 8 + octet.place, 1)) - 1)
                       << (56 - 8 * octet.place)), 0)
           FROM position AS octet WHERE octet.place < 8)
          >> (64 - sum_width - position.place * sum_width % 8) & ((1 << sum_width) - 1)) AS total
    FROM rollup_column JOIN position ON place < buckets JOIN byte)
UNION ALL
SELECT series, length, start - (start % length + length) % length, count, min, max, sum
FROM bucket JOIN (SELECT 300000 AS length UNION ALL SELECT 3600000 UNION ALL SELECT 86400000);

-- Buckets of five minutes, in UTC.
CREATE VIEW five_minutes AS
SELECT node, module, channel,
    strftime('%Y-%m-%dT%H:%M:%fZ', start / 1000.0, 'unixepoch') AS start,
    sum(count) AS count, min(min) AS min, max(max) AS max, sum(sum) / sum(count) AS mean
FROM bucket_part JOIN series ON series.number = series JOIN source ON source.number = series.source
WHERE resolution = 300000
GROUP BY node, module, channel, start;

-- Buckets of an hour, in UTC.
CREATE VIEW hour AS
SELECT node, module, channel,
    strftime('%Y-%m-%dT%H:%M:%fZ', start / 1000.0, 'unixepoch') AS start,
    sum(count) AS count, min(min) AS min, max(max) AS max, sum(sum) / sum(count) AS mean
FROM bucket_part JOIN series ON series.number = series JOIN source ON source.number = series.source
WHERE resolution = 3600000
GROUP BY node, module, channel, start;

-- Buckets of a day, in UTC.
CREATE VIEW day AS
SELECT node, module, channel,
    strftime('%Y-%m-%dT%H:%M:%fZ', start / 1000.0, 'unixepoch') AS start,
    sum(count) AS count, min(min) AS min, max(max) AS max, sum(sum) / sum(count) AS mean
FROM bucket_part JOIN series ON series.number = series JOIN source ON source.number = series.source
WHERE resolution = 86400000
GROUP BY node, module, channel, start;
