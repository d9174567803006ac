//! Transcripts: what was said in a context, one JSON object a line.
//!
//! Owns: names, writing, healing, reading and listing of the files. Does not own: what the lines mean; dispatch makes them.
