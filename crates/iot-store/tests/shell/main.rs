//! What someone sees who opens the file with the sqlite3 shell. It is a program of its own, because one that
//! starts others would for a moment give them the locks of its files.

#[cfg(test)]
mod views;
