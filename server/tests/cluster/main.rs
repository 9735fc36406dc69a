//! Several processes over one log and one store, part by part and step by step. What chance makes of them is in the
//! simulation (`sim`).

mod nonces;
mod persisters;
mod rooms;
mod sleep;
mod support;
