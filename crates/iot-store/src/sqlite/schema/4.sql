-- Nodes that prove who they are have a key.
ALTER TABLE node ADD COLUMN key BLOB; -- 32 bytes; none for a plain node
