//! Bytes of the rows of version 1, kept for ever.

use super::*;
use crate::rows;
use protocol::ids::Seq;

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n").collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| u8::try_from(digit).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn account() {
    let golden = include_str!("../../../golden/account-v1.hex");
    let mut ada = suite::account(300, "Ada");
    ada.admin = true;
    assert_eq!(hex(&rows::encode_account(&ada)), golden, "stored bytes changed");
    assert_eq!(rows::decode_account(UserId(300), &unhex(golden)).unwrap(), ada);
}

#[test]
fn token() {
    let golden = include_str!("../../../golden/token-v1.hex");
    let mut token = suite::token(300, 1 << 127 | 2, suite::T0);
    token.spent = true;
    assert_eq!(hex(&rows::encode_token(suite::hash(1), &token)), golden, "stored bytes changed");
    assert_eq!(rows::decode_token(suite::hash(1), &unhex(golden)).unwrap(), token);
}

#[test]
fn position() {
    let golden = include_str!("../../../golden/checkpoint-v1.hex");
    let at = Checkpoint { epoch: "7f3a".into(), offset: u64::MAX };
    assert_eq!(hex(&rows::encode_checkpoint("persister", 3, &at)), golden, "stored bytes changed");
    assert_eq!(rows::decode_checkpoint("persister", 3, &unhex(golden)).unwrap(), at);
}

#[test]
fn message() {
    let golden = include_str!("../../../golden/message-row-v1.hex");
    let logged = suite::rich(1, 5);
    let row = rows::encode_message(&Row::from(&logged)).unwrap();
    assert_eq!(hex(&row), golden, "stored bytes changed");
    assert_eq!(rows::decode_message(RoomId(1), Seq(5), &unhex(golden)).unwrap(), logged);
}

/// `UPDATE_GOLDEN=1` writes what is new; what is there must not change.
#[test]
fn moderation() {
    for taken in suite::moderation::all_kinds(1, 10) {
        let row = rows::moderation::encode_measure(&taken);
        assert_eq!(rows::moderation::decode_measure(RoomId(1), taken.seq, &row), Ok(taken.clone()));
        assert!(rows::moderation::decode_measure(RoomId(2), taken.seq, &row).is_err());
        for fact in taken.facts() {
            let row = rows::moderation::encode_fact(RoomId(1), &fact);
            let (kind, id) = rows::moderation::key_parts(fact.key);
            assert_eq!(rows::moderation::key_of(kind, id), Ok(fact.key));
            assert_eq!(rows::moderation::decode_fact(RoomId(1), fact.key, &row), Ok(fact.clone()));
            assert!(rows::moderation::decode_fact(RoomId(2), fact.key, &row).is_err());
        }
    }
    let facts = suite::moderation::all_kinds(1, 10).into_iter().flat_map(|taken| taken.facts());
    let text: String =
        facts.map(|fact| hex(&rows::moderation::encode_fact(RoomId(1), &fact)) + "\n").collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/facts-v1.hex");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap(), "stored bytes changed");
}

#[test]
fn a_row_is_good_under_its_own_key_only_and_to_its_last_bit() {
    let row = rows::encode_account(&suite::account(7, "ada"));
    assert!(rows::decode_account(UserId(8), &row).is_err());
    for len in 0..row.len() {
        assert!(rows::decode_account(UserId(7), &row[..len]).is_err(), "cut to {len} bytes");
    }
    for bit in 0..row.len() * 8 {
        let mut row = row.clone();
        row[bit / 8] ^= 1 << (bit % 8);
        assert!(rows::decode_account(UserId(7), &row).is_err(), "bit {bit}");
    }
    let row = rows::encode_message(&Row::from(&suite::line(1, 5))).unwrap();
    assert!(rows::decode_message(RoomId(1), Seq(6), &row).is_err());
    assert!(rows::decode_message(RoomId(2), Seq(5), &row).is_err());
}

#[test]
fn a_message_that_could_not_be_read_back_is_not_written() {
    let mut logged = suite::line(1, 1);
    logged.message.text = "x".repeat(chat::record::RECORD_LEN_MAX);
    assert!(rows::encode_message(&Row::from(&logged)).is_err());
}
