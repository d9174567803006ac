//! Spending: grants, settlements and what is left of a budget.
//!
//! Owns: what an entry holds and what a balance means. Does not own: the arithmetic (`domain`) and the rows (`store`).
