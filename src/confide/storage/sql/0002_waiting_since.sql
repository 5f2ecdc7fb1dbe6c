-- Since when the enclave waits for the first of `waiting_for`; Unix seconds; NULL: for nobody.
ALTER TABLE tasks ADD COLUMN waiting_since INTEGER;
