//! The stored form: golden bytes, roundtrips, every cut and every kind of damage.

use super::*;
use crate::{
    message::{Author, EmoteRange, Logged, ReplyTo},
    moderation::{Act, Person, SettingsChange},
    time::Millis,
};
use proptest::prelude::*;
use protocol::{
    frames::Role,
    ids::{MessageId, RoomId, Seq, UserId},
};
use uuid::Uuid;

/// Every field filled.
fn full() -> Styled {
    Styled {
        id: MessageId(Uuid::from_u128(0x0190_b5d2_7c00_7abc_8def_0123_4567_89ab)),
        room: RoomId(300),
        author: Author {
            id: UserId(u64::MAX),
            username: "ada_l".into(),
            display_name: "Ada_L".into(),
            color: "#FF7F50".into(),
            badges: vec!["broadcaster".into(), "founder".into()],
        },
        text: "Hey bestie! ✨💅  Kappa @bob".into(),
        original: "hi Kappa @bob".into(),
        emotes: vec![EmoteRange { id: "25".into(), name: "Kappa".into(), start: 16, end: 20 }],
        mentions: vec!["bob".into()],
        reply_to: Some(ReplyTo {
            id: MessageId(Uuid::from_u128(0x0190_b5d2_7bff_7000_8000_0000_0000_0001)),
            username: "bob".into(),
            display_name: "Bob".into(),
            excerpt: "who is there?".into(),
        }),
        action: true,
        styled: true,
        sent_at: Millis(1_720_000_000_000),
        nonce: Some("c1".into()),
    }
}

/// Every field as empty as it can be.
fn empty() -> Styled {
    Styled {
        id: MessageId(Uuid::nil()),
        room: RoomId(0),
        author: Author {
            id: UserId(0),
            username: String::new(),
            display_name: String::new(),
            color: String::new(),
            badges: vec![],
        },
        text: String::new(),
        original: String::new(),
        emotes: vec![],
        mentions: vec![],
        reply_to: None,
        action: false,
        styled: false,
        sent_at: Millis(0),
        nonce: None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n").collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap())
        .collect();
    assert_eq!(digits.len() % 2, 0, "an odd number of digits");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn version_1_is_written_and_read_as_ever() {
    let cases = [
        ("full", include_str!("../../golden/record-v1-message-full.hex"), full()),
        ("empty", include_str!("../../golden/record-v1-message-empty.hex"), empty()),
    ];
    for (name, golden, message) in cases {
        let record = Record::Message(Box::new(message));
        assert_eq!(hex(&record.encode()), golden, "stored bytes changed: {name}");
        assert_eq!(Record::decode(&unhex(golden)), Ok(record), "{name}");
    }
}

/// One of each kind of measure, with its golden file.
fn measures() -> Vec<(&'static str, Measure)> {
    let person = |id, name: &str| Person { id: UserId(id), username: name.into() };
    let measure = |reason: Option<&str>, act| Measure {
        room: RoomId(300),
        by: person(7, "mia"),
        at: Millis(1_720_000_000_000),
        reason: reason.map(str::to_owned),
        act,
    };
    let logged = Logged { seq: Seq(40), message: full() };
    let delete =
        Act::Delete { id: full().id, seq: Seq(40), author: person(9, "ada_l"), excerpt: "Hey ✨".into() };
    let rules = SettingsChange { slow_mode_seconds: Some(30), emote_only: None, unique_chat: Some(true) };
    vec![
        ("delete", measure(None, delete)),
        ("clear-all", measure(Some("raid"), Act::Clear { user: None })),
        ("clear-user", measure(None, Act::Clear { user: Some(person(9, "ada_l")) })),
        ("ban", measure(Some("spam"), Act::Ban { user: person(9, "ada_l"), seconds: None })),
        ("timeout", measure(Some("spam"), Act::Ban { user: person(9, "ada_l"), seconds: Some(600) })),
        ("unban", measure(None, Act::Unban { user: person(9, "ada_l") })),
        ("role", measure(None, Act::Role { user: person(9, "ada_l"), role: Role::Moderator })),
        ("settings", measure(None, Act::Settings(rules))),
        ("pin", measure(None, Act::Pin(Box::new(logged)))),
        ("unpin", measure(None, Act::Unpin)),
        ("block-phrase", measure(None, Act::BlockPhrase { phrase: "b[a4]d".into(), pattern: true })),
        ("allow-phrase", measure(None, Act::AllowPhrase { id: Seq(44), phrase: "b[a4]d".into() })),
        ("retitle", measure(None, Act::Retitle { title: Some("Late ✨".into()), description: None })),
    ]
}

/// `UPDATE_GOLDEN=1` writes the files of kinds that are new; those of old kinds must not change.
#[test]
fn measures_of_version_1_are_written_and_read_as_ever() {
    for (name, measure) in measures() {
        let path = format!("{}/golden/record-v1-measure-{name}.hex", env!("CARGO_MANIFEST_DIR"));
        let record = Record::Measure(Box::new(measure));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, hex(&record.encode())).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert_eq!(hex(&record.encode()), golden, "stored bytes changed: {name}");
        assert_eq!(Record::decode(&unhex(&golden)), Ok(record), "{name}");
    }
}

#[test]
fn a_measure_cut_off_or_with_bytes_left_over_is_malformed() {
    for (name, measure) in measures() {
        let mut bytes = Record::Measure(Box::new(measure)).encode();
        for len in 2..bytes.len() {
            assert_eq!(
                Record::decode(&bytes[..len]),
                Err(RecordError::Malformed),
                "{name} cut to {len} bytes"
            );
        }
        bytes.push(0);
        assert_eq!(Record::decode(&bytes), Err(RecordError::Malformed), "{name}");
    }
}

/// A role that no room gives, least of all `admin`.
#[test]
fn a_record_makes_nobody_an_admin() {
    let user = Person { id: UserId(9), username: "ada_l".into() };
    let measure = |role| Measure {
        room: RoomId(300),
        by: user.clone(),
        at: Millis(1),
        reason: None,
        act: Act::Role { user: user.clone(), role },
    };
    let admin = Record::Measure(Box::new(measure(Role::Admin))).encode();
    assert_eq!(Record::decode(&admin), Err(RecordError::Malformed));
    let vip = Record::Measure(Box::new(measure(Role::Vip)));
    assert_eq!(Record::decode(&vip.encode()), Ok(vip));
}

#[test]
fn what_is_not_a_record_is_named() {
    let good = encode_message(&full());
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Record::decode(&bytes)
    };
    assert_eq!(Record::decode(&[]), Err(RecordError::Malformed));
    assert_eq!(Record::decode(&[1]), Err(RecordError::Malformed));
    assert_eq!(Record::decode(&[1, 1]), Err(RecordError::Malformed));
    assert_eq!(with(0, 0), Err(RecordError::UnknownVersion(0)));
    assert_eq!(with(0, 2), Err(RecordError::UnknownVersion(2)));
    assert_eq!(with(1, 0), Err(RecordError::UnknownKind));
    assert_eq!(with(1, 13), Err(RecordError::UnknownKind));
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(Record::decode(&longer), Err(RecordError::Malformed));
}

#[test]
fn a_record_cut_off_anywhere_is_malformed() {
    let bytes = encode_message(&full());
    for len in 0..bytes.len() {
        assert_eq!(Record::decode(&bytes[..len]), Err(RecordError::Malformed), "cut to {len} bytes");
    }
}

#[test]
fn the_longest_record_is_read_and_one_byte_more_is_not() {
    let mut message = empty();
    let frame = encode_message(&message).len();
    // The length before the text grows from one byte to three.
    message.text = "x".repeat(RECORD_LEN_MAX - frame - 2);
    let longest = encode_message(&message);
    assert_eq!(longest.len(), RECORD_LEN_MAX);
    assert_eq!(Record::decode(&longest), Ok(Record::Message(Box::new(message.clone()))));
    message.text.push('x');
    assert_eq!(Record::decode(&encode_message(&message)), Err(RecordError::TooLong));
}

#[test]
fn a_list_that_claims_to_be_huge_is_refused_without_making_room_for_it() {
    // Id, room, user, three empty strings, then the number of badges: 2⁶⁴ − 1.
    let mut bytes = vec![VERSION, KIND_MESSAGE];
    bytes.extend_from_slice(&[0; 16 + 2 + 3]);
    bytes.extend_from_slice(&[0xff; 9]);
    bytes.push(0x01);
    assert_eq!(Record::decode(&bytes), Err(RecordError::Malformed));
}

/// What [`look`] sees has to be what [`Record::decode`] reads, errors and all.
#[track_caller]
fn looks_as_it_reads(bytes: &[u8]) {
    match (look(bytes), Record::decode(bytes)) {
        (Ok(Seen::Message(head)), Ok(Record::Message(message))) => {
            assert_eq!(head, Head::from(&*message));
        }
        (Ok(Seen::Measure(seen)), Ok(Record::Measure(read))) => assert_eq!(seen, read),
        (seen, read) => assert_eq!(seen.err(), read.err()),
    }
}

fn any_id() -> impl Strategy<Value = MessageId> {
    any::<u128>().prop_map(|n| MessageId(Uuid::from_u128(n)))
}

fn any_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..40).prop_map(|chars| chars.into_iter().collect())
}

fn any_texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(any_text(), 0..4)
}

prop_compose! {
    fn any_author()(id: u64, username in any_text(), display_name in any_text(), color in any_text(),
                    badges in any_texts()) -> Author {
        Author { id: UserId(id), username, display_name, color, badges }
    }
}

prop_compose! {
    fn any_emote()(id in any_text(), name in any_text(), start: u32, end: u32) -> EmoteRange {
        EmoteRange { id, name, start, end }
    }
}

prop_compose! {
    fn any_reply()(id in any_id(), username in any_text(), display_name in any_text(),
                   excerpt in any_text()) -> ReplyTo {
        ReplyTo { id, username, display_name, excerpt }
    }
}

prop_compose! {
    fn any_message()(id in any_id(), room: u64, author in any_author(), text in any_text(), original in any_text(),
                     emotes in proptest::collection::vec(any_emote(), 0..4), mentions in any_texts(),
                     reply_to in proptest::option::of(any_reply()),
                     (action, styled, sent_at) in any::<(bool, bool, u64)>(),
                     nonce in proptest::option::of(any_text())) -> Styled {
        Styled { id, room: RoomId(room), author, text, original, emotes, mentions, reply_to, action, styled,
                 sent_at: Millis(sent_at), nonce }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in any_message()) {
        let record = Record::Message(Box::new(message));
        looks_as_it_reads(&record.encode());
        prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        // A varint has spellings longer than it needs, so what was read need not have been written by us.
        // It has to be a message that we write and read again.
        looks_as_it_reads(&bytes);
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn any_bytes_are_a_measure_or_an_error(kind in 2_u8..14, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [&[VERSION, kind][..], &bytes].concat();
        looks_as_it_reads(&bytes);
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn damage_in_a_good_record_never_panics(
        message in any_message(),
        hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = encode_message(&message);
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // The head is kept, so that the body is what is tried.
        bytes[..2].copy_from_slice(&[VERSION, KIND_MESSAGE]);
        looks_as_it_reads(&bytes);
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }
}
