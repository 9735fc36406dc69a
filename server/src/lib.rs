//! The edges and the composition of Twitchy.
