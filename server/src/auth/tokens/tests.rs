//! Access tokens: what is good, and a table of what is not.

use super::*;
use serde_json::{Value, json};
use std::collections::HashSet;

const NOW: Millis = Millis(1_800_000_000_000);
const TTL: Duration = Duration::from_secs(900);

fn keys(secret: char) -> Keys {
    Keys::from_secrets(&secret.to_string().repeat(32), &[]).unwrap()
}

fn tokens() -> AccessTokens {
    AccessTokens::new(keys('a'), TTL)
}

fn claim() -> Claim<'static> {
    Claim { user: UserId(42), name: "alice", family: Family(0xdead_beef), session: TokenHash([7; 32]) }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn good_header() -> Value {
    json!({"typ": "JWT", "alg": "HS256", "kid": keys('a').current().id()})
}

fn good_claims() -> Value {
    json!({
        "iss": "twitchy", "aud": "twitchy", "typ": "access", "sub": "42", "name": "alice",
        "sid": format!("{:032x}", 0xdead_beef_u32), "rth": URL_SAFE_NO_PAD.encode([7; 32]),
        "iat": 1_800_000_000_u64, "exp": 1_800_000_900_u64,
    })
}

/// Signed with HS256 and the key of `secret`, whatever the header says.
fn forge(header: &Value, claims: &Value, secret: char) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let message = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.to_string().repeat(32).as_bytes()).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn with(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name).unwrap();
    value
}

#[test]
fn what_is_issued_is_verified() {
    let tokens = tokens();
    let token = tokens.issue(&claim(), NOW);
    assert!(token.len() < 600, "{}", token.len());
    let access = tokens.verify(&token, NOW).unwrap();
    assert_eq!(
        access,
        Access {
            user: UserId(42),
            name: "alice".to_owned(),
            family: Family(0xdead_beef),
            session: TokenHash([7; 32]),
            issued_at: NOW,
            expires_at: NOW.plus(900_000),
        }
    );
    // The forger of these tests makes good tokens, so what is refused below is refused for its one fault.
    assert_eq!(tokens.verify(&forge(&good_header(), &good_claims(), 'a'), NOW), Ok(access));
}

#[test]
fn a_token_is_good_until_its_time_and_not_a_millisecond_longer() {
    let tokens = tokens();
    let token = tokens.issue(&claim(), NOW);
    assert!(tokens.verify(&token, NOW.plus(899_999)).is_ok());
    assert_eq!(tokens.verify(&token, NOW.plus(900_000)), Err(TokenError::Expired));
    assert_eq!(tokens.verify(&token, Millis(u64::MAX)), Err(TokenError::Expired));
    // Within a second it may live up to a second less, never more.
    let late = tokens.issue(&claim(), NOW.plus(999));
    assert_eq!(tokens.verify(&late, NOW).unwrap().expires_at, NOW.plus(900_000));
}

#[test]
fn a_table_of_bad_tokens() {
    use TokenError::{Algorithm, Expired, Malformed, NotForUs, Signature, TooLong, UnknownKey};
    let (header, claims) = (good_header, good_claims);
    let good = forge(&header(), &claims(), 'a');
    let (message, tag) = good.rsplit_once('.').unwrap();
    let own_key = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode("b".repeat(32)), "alg": "HS256"});
    let admin_body = part(&with(claims(), "sub", json!("1")));
    let head = good.split('.').next().unwrap();
    let body = good.split('.').nth(1).unwrap();
    let kid_b = keys('b');

    let table: Vec<(&str, String, TokenError)> = vec![
        ("empty", String::new(), Malformed),
        ("a word", "token".to_owned(), Malformed),
        ("dots only", "..".to_owned(), Malformed),
        ("two parts", message.to_owned(), Malformed),
        ("four parts", format!("{good}.x"), Malformed),
        ("a space around it", format!(" {good}"), Malformed),
        ("padding", format!("{good}="), Malformed),
        ("no base64", format!("{head}.{body}.!!!!"), Malformed),
        ("header no JSON", format!("{}.{body}.{tag}", URL_SAFE_NO_PAD.encode("hello")), Malformed),
        ("5 KiB", format!("{message}.{}", "A".repeat(5 * 1_024)), TooLong),
        (
            "5 KiB and well signed",
            forge(&header(), &with(claims(), "name", json!("x".repeat(5_000))), 'a'),
            TooLong,
        ),
        ("no signature", format!("{message}."), Signature),
        ("half a signature", format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 16])), Signature),
        ("cut short", good[..good.len() - 3].to_owned(), Signature),
        ("other claims", format!("{head}.{admin_body}.{tag}"), Signature),
        ("alg none", format!("{}.{body}.", part(&with(header(), "alg", json!("none")))), Malformed),
        ("alg None", format!("{}.{body}.", part(&with(header(), "alg", json!("None")))), Malformed),
        ("alg none, signed", forge(&with(header(), "alg", json!("none")), &claims(), 'a'), Malformed),
        ("no alg", forge(&without(header(), "alg"), &claims(), 'a'), Malformed),
        ("HS384", forge(&with(header(), "alg", json!("HS384")), &claims(), 'a'), Algorithm),
        ("HS512", forge(&with(header(), "alg", json!("HS512")), &claims(), 'a'), Algorithm),
        ("RS256", forge(&with(header(), "alg", json!("RS256")), &claims(), 'a'), Algorithm),
        ("ES256", forge(&with(header(), "alg", json!("ES256")), &claims(), 'a'), Algorithm),
        ("EdDSA", forge(&with(header(), "alg", json!("EdDSA")), &claims(), 'a'), Algorithm),
        ("another key under our name", forge(&header(), &claims(), 'b'), Signature),
        (
            "another key",
            forge(&with(header(), "kid", json!(kid_b.current().id())), &claims(), 'b'),
            UnknownKey,
        ),
        ("no kid", forge(&without(header(), "kid"), &claims(), 'a'), UnknownKey),
        ("empty kid", forge(&with(header(), "kid", json!("")), &claims(), 'a'), UnknownKey),
        ("kid a path", forge(&with(header(), "kid", json!("../../dev/null")), &claims(), 'a'), UnknownKey),
        (
            "kid a query",
            forge(&with(header(), "kid", json!("' UNION SELECT 'a")), &claims(), 'a'),
            UnknownKey,
        ),
        ("kid a number", forge(&with(header(), "kid", json!(0)), &claims(), 'a'), Malformed),
        ("its own key in the header", forge(&with(header(), "jwk", own_key), &claims(), 'b'), Signature),
        (
            "a key by URL",
            forge(&with(header(), "jku", json!("https://evil.example/k")), &claims(), 'b'),
            Signature,
        ),
        (
            "a certificate by URL",
            forge(&with(header(), "x5u", json!("https://evil.example/c")), &claims(), 'b'),
            Signature,
        ),
        ("critical extension", forge(&with(header(), "crit", json!(["b64"])), &claims(), 'a'), Malformed),
        ("wrong iss", forge(&header(), &with(claims(), "iss", json!("other")), 'a'), NotForUs),
        ("wrong aud", forge(&header(), &with(claims(), "aud", json!("other")), 'a'), NotForUs),
        ("aud a list", forge(&header(), &with(claims(), "aud", json!(["twitchy", "other"])), 'a'), Malformed),
        ("wrong typ", forge(&header(), &with(claims(), "typ", json!("refresh")), 'a'), NotForUs),
        ("sub no id", forge(&header(), &with(claims(), "sub", json!("alice")), 'a'), Malformed),
        ("sub a number", forge(&header(), &with(claims(), "sub", json!(42)), 'a'), Malformed),
        ("sid no hex", forge(&header(), &with(claims(), "sid", json!("family")), 'a'), Malformed),
        ("rth too short", forge(&header(), &with(claims(), "rth", json!("AAAA")), 'a'), Malformed),
        ("exp a string", forge(&header(), &with(claims(), "exp", json!("1800000900")), 'a'), Malformed),
        ("exp negative", forge(&header(), &with(claims(), "exp", json!(-1)), 'a'), Malformed),
        ("expired", forge(&header(), &with(claims(), "exp", json!(1_799_999_999_u64)), 'a'), Expired),
        ("expired now", forge(&header(), &with(claims(), "exp", json!(1_800_000_000_u64)), 'a'), Expired),
        ("expired and forged", forge(&header(), &with(claims(), "exp", json!(1)), 'b'), Signature),
    ];
    let tokens = tokens();
    for (what, token, expected) in table {
        assert_eq!(tokens.verify(&token, NOW), Err(expected), "{what}");
    }
    for missing in ["iss", "aud", "typ", "sub", "name", "sid", "rth", "iat", "exp"] {
        let token = forge(&header(), &without(claims(), missing), 'a');
        assert_eq!(tokens.verify(&token, NOW), Err(Malformed), "without {missing}");
    }
}

#[test]
fn no_change_of_a_single_character_is_accepted() {
    let tokens = tokens();
    let good = tokens.issue(&claim(), NOW);
    for at in 0..good.len() {
        for with in ["A", "_", ".", "\u{e9}"] {
            let mut token = good.clone();
            token.replace_range(at..=at, with);
            if token != good {
                // The last character of the signature has two bits without meaning, and those must be zero.
                assert!(tokens.verify(&token, NOW).is_err(), "{at}: {with}");
            }
        }
    }
}

#[test]
fn tokens_of_the_key_so_far_are_good_until_it_is_gone() {
    let tokens = tokens();
    let old = tokens.issue(&claim(), NOW);
    tokens.replace_keys(Keys::from_secrets(&"b".repeat(32), &["a".repeat(32)]).unwrap());
    let new = tokens.issue(&claim(), NOW);
    assert!(tokens.verify(&old, NOW).is_ok());
    assert!(tokens.verify(&new, NOW).is_ok());
    assert_ne!(
        jsonwebtoken::decode_header(&old).unwrap().kid,
        jsonwebtoken::decode_header(&new).unwrap().kid
    );
    tokens.replace_keys(keys('b'));
    assert_eq!(tokens.verify(&old, NOW), Err(TokenError::UnknownKey));
    assert!(tokens.verify(&new, NOW).is_ok());
}

#[test]
fn refresh_tokens_are_random_and_kept_as_a_hash() {
    let mut seen = HashSet::new();
    for _ in 0..10_000 {
        assert!(seen.insert(RefreshSecret::generate().reveal()));
    }
    let secret = RefreshSecret::generate();
    let revealed = secret.reveal();
    assert_eq!(revealed.len(), 43);
    assert_eq!(RefreshSecret::parse(&revealed).unwrap().hash(), secret.hash());
    // SHA-256 of 32 zero bytes, computed by another program.
    let zero = RefreshSecret::parse(&"A".repeat(43)).unwrap().hash();
    assert_eq!(zero.0[..4], [0x66, 0x68, 0x7a, 0xad]);
    assert!(!format!("{secret:?}").contains(&revealed));
}

#[test]
fn what_has_not_the_form_is_no_refresh_token() {
    let good = RefreshSecret::generate().reveal();
    for sent in [
        String::new(),
        good[1..].to_owned(),
        format!("{good}="),
        format!(" {}", &good[1..]),
        format!("+{}", &good[1..]),
        format!("/{}", &good[1..]),
        "A".repeat(42) + "B", // two bits too many
        "é".repeat(21) + "x",
        "A".repeat(1 << 20),
    ] {
        assert!(RefreshSecret::parse(&sent).is_none(), "{}", &sent[..sent.floor_char_boundary(50)]);
    }
}
