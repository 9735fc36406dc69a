//! The engine for one machine: two files of an embedded database in one folder.
