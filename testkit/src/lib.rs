//! Stand-ins for tests and for trying fleet by hand.
