//! Access tokens that prove nothing, each made from one that is good.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use chat::{
    account::{Family, TokenHash},
    time::Millis,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::codes::ErrorCode::{self, TokenExpired, Unauthorized};
use serde_json::{Value, json};
use server::auth::{
    secret::Keys,
    tokens::{AccessTokens, Claim},
};
use sha2::Sha256;
use std::time::Duration;

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&BASE64.decode(part).expect("base64url")).expect("JSON")
}

fn join(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

fn sign(unsigned: &str, key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(unsigned.as_bytes());
    format!("{unsigned}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// A token that says what the good one says, issued so long ago that it has expired.
fn expired(good: &str, secret: &str) -> String {
    let claims = part(good, 1);
    let word = |name: &str| claims[name].as_str().expect("a text").to_owned();
    let tokens =
        AccessTokens::new(Keys::from_secrets(secret, &[]).expect("long enough"), Duration::from_secs(60));
    let session = BASE64.decode(word("rth")).expect("base64url").try_into().expect("32 bytes");
    let claim = Claim {
        user: word("sub").parse().expect("an id"),
        name: &word("name"),
        family: Family(u128::from_str_radix(&word("sid"), 16).expect("hexadecimal")),
        session: TokenHash(session),
    };
    let then = claims["iat"].as_u64().expect("seconds") - 61;
    tokens.issue(&claim, Millis(then * 1_000))
}

/// What it is, the token, and the code it is refused with.
pub(crate) fn worthless(good: &str, secret: &str) -> Vec<(&'static str, String, ErrorCode)> {
    let (header, claims) = (part(good, 0), part(good, 1));
    let (unsigned, signature) = good.rsplit_once('.').expect("three parts");
    let with = |name: &str, value: Value| {
        let mut changed = claims.clone();
        changed[name] = value;
        changed
    };
    let headed = |name: &str, value: Value| {
        let mut changed = header.clone();
        changed[name] = value;
        changed
    };
    let later = with("exp", json!(claims["exp"].as_u64().expect("seconds") + 3_600));
    let none = json!({"alg": "none", "typ": "JWT"});
    let mut flipped = signature.to_owned();
    flipped.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    vec![
        ("empty", String::new(), Unauthorized),
        ("no token", "hello".to_owned(), Unauthorized),
        ("two parts", unsigned.to_owned(), Unauthorized),
        ("four parts", format!("{good}.x"), Unauthorized),
        ("an empty signature", format!("{unsigned}."), Unauthorized),
        ("another signature", format!("{unsigned}.{flipped}"), Unauthorized),
        ("half a signature", format!("{unsigned}.{}", &signature[..20]), Unauthorized),
        (
            "claims changed under the signature",
            format!("{}.{signature}", join(&header, &later)),
            Unauthorized,
        ),
        (
            "somebody else's key",
            sign(&join(&header, &claims), b"somebody else's secret of 32 bytes"),
            Unauthorized,
        ),
        ("an empty key", sign(&join(&header, &claims), b""), Unauthorized),
        ("alg none, no signature", format!("{}.", join(&none, &later)), Unauthorized),
        ("alg none, a signature", format!("{}.{signature}", join(&none, &later)), Unauthorized),
        ("alg None", format!("{}.", join(&headed("alg", json!("None")), &later)), Unauthorized),
        ("alg nOnE of our key", format!("{}.", join(&headed("alg", json!("nOnE")), &later)), Unauthorized),
        ("alg HS512", sign(&join(&headed("alg", json!("HS512")), &claims), secret.as_bytes()), Unauthorized),
        ("alg RS256", sign(&join(&headed("alg", json!("RS256")), &claims), secret.as_bytes()), Unauthorized),
        (
            "another key's name",
            sign(&join(&headed("kid", json!("x")), &claims), secret.as_bytes()),
            Unauthorized,
        ),
        (
            "another kind",
            sign(&join(&header, &with("typ", json!("refresh"))), secret.as_bytes()),
            Unauthorized,
        ),
        (
            "another audience",
            sign(&join(&header, &with("aud", json!("other"))), secret.as_bytes()),
            Unauthorized,
        ),
        (
            "another issuer",
            sign(&join(&header, &with("iss", json!("other"))), secret.as_bytes()),
            Unauthorized,
        ),
        (
            "another session",
            sign(&join(&header, &with("sid", json!("0".repeat(32)))), secret.as_bytes()),
            Unauthorized,
        ),
        ("another user", sign(&join(&header, &with("sub", json!("1"))), secret.as_bytes()), Unauthorized),
        ("no expiry", sign(&join(&header, &with("exp", Value::Null)), secret.as_bytes()), Unauthorized),
        ("too long", format!("{good}{}", "x".repeat(5_000)), Unauthorized),
        ("expired", expired(good, secret), TokenExpired),
    ]
}

/// The good token signed again by hand: good too, or the cases above would prove nothing.
pub(crate) fn signed_again(good: &str, secret: &str) -> String {
    sign(&join(&part(good, 0), &part(good, 1)), secret.as_bytes())
}
