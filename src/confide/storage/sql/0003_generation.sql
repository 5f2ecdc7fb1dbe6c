-- How many enclaves of this task have died before the present one.
ALTER TABLE tasks ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
-- What each of `waiting_for` is to do; JSON array of channel states.
ALTER TABLE tasks ADD COLUMN waiting_what TEXT NOT NULL DEFAULT '[]';
