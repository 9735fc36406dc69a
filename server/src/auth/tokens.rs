//! Tokens: signed access tokens (JWT, HS256) that live minutes, and opaque refresh tokens that are kept as a hash.
//!
//! It knows no store and no clock. Start with [`AccessTokens`] and [`RefreshSecret`].

use super::{provider, secret::Keys};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chat::{
    account::{Family, TokenHash},
    time::Millis,
};
use jsonwebtoken::{Algorithm, Header, Validation};
use parking_lot::RwLock;
use protocol::ids::UserId;
use rand::{TryRng, rngs::SysRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc, time::Duration};

/// A longer token is refused before anything is done with it. Ours have about 500 bytes.
const ACCESS_TOKEN_BYTES_MAX: usize = 4 * 1_024;

/// The clocks of two nodes, or of one before and after it was set right, may be so far apart.
const CLOCKS_APART_MAX_MS: u64 = 60_000;

const ISSUER: &str = "twitchy";
const AUDIENCE: &str = "twitchy";
/// Keeps any other token that these keys might sign one day from passing as an access token.
const TYPE: &str = "access";

/// Why an access token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Over 4 KiB.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url with JSON in them, or claims are missing.
    #[error("this is no token")]
    Malformed,
    /// Not HS256.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// No such key here (or no more).
    #[error("the token's key is not known")]
    UnknownKey,
    /// Not signed by that key.
    #[error("the token's signature is wrong")]
    Signature,
    /// Signed by us, but for another use.
    #[error("the token is not an access token for this service")]
    NotForUs,
    /// Good once.
    #[error("the token has expired")]
    Expired,
}

/// What an access token is to say.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Whose.
    pub user: UserId,
    /// Their username, for people who look into tokens; nothing is decided by it.
    pub name: &'a str,
    /// Of which log-in.
    pub family: Family,
    /// The refresh token it is issued with.
    pub session: TokenHash,
}

/// What a good access token said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whose.
    pub user: UserId,
    /// Their username when it was issued.
    pub name: String,
    /// Of which log-in.
    pub family: Family,
    /// The refresh token it was issued with.
    pub session: TokenHash,
    /// When, in whole seconds.
    pub issued_at: Millis,
    /// From this moment on it is worth nothing.
    pub expires_at: Millis,
}

/// The claims as they travel.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    typ: String,
    sub: String,
    name: String,
    /// The family, 32 hexadecimal digits.
    sid: String,
    /// The hash of the refresh token, base64url.
    rth: String,
    iat: u64,
    exp: u64,
}

/// Issues and checks access tokens.
#[derive(Debug)]
pub struct AccessTokens {
    keys: RwLock<Arc<Keys>>,
    ttl: Duration,
    validation: Validation,
}

impl AccessTokens {
    /// Tokens live `ttl`, in whole seconds, one at least.
    pub fn new(keys: Keys, ttl: Duration) -> Self {
        provider::install();
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would look at the clock of the machine; `verify` compares with the time it is given.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self { keys: RwLock::new(Arc::new(keys)), ttl: Duration::from_secs(ttl.as_secs().max(1)), validation }
    }

    /// How long a token lives.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Signs with other keys from now on.
    pub fn replace_keys(&self, keys: Keys) {
        *self.keys.write() = Arc::new(keys);
    }

    /// A token that says this until `now` and the time to live.
    pub fn issue(&self, claim: &Claim<'_>, now: Millis) -> String {
        let iat = now.0 / 1_000;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: TYPE.to_owned(),
            sub: claim.user.to_string(),
            name: claim.name.to_owned(),
            sid: format!("{:032x}", claim.family.0),
            rth: URL_SAFE_NO_PAD.encode(claim.session.0),
            iat,
            exp: iat.saturating_add(self.ttl.as_secs()),
        };
        let keys = self.keys.read().clone();
        let key = keys.current();
        let header = Header { kid: Some(key.id().to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, key.encoding())
            .expect("strings and numbers are JSON, HS256 is installed")
    }

    /// What this token proves at this moment.
    ///
    /// # Errors
    /// See [`TokenError`]. `Expired` is said only of a token that is good in every other way.
    pub fn verify(&self, token: &str, now: Millis) -> Result<Access, TokenError> {
        if token.len() > ACCESS_TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        if token.split('.').count() != 3 {
            return Err(TokenError::Malformed);
        }
        // Of the header only `alg` (which must be the one we use), `crit` and `kid` (which chooses among keys that we
        // have) are looked at: `jwk`, `jku`, `x5u` and the like have no say.
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::HS256 {
            return Err(TokenError::Algorithm);
        }
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let keys = self.keys.read().clone();
        let key = header.kid.and_then(|kid| keys.by_id(&kid)).ok_or(TokenError::UnknownKey)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key.decoding(), &self.validation)
            .map_err(|e| reason(e.kind()))?
            .claims;
        if claims.typ != TYPE {
            return Err(TokenError::NotForUs);
        }
        let access = claims.into_access().ok_or(TokenError::Malformed)?;
        // A token from the future was issued by a clock that ran ahead; it would live longer by as much.
        if now >= access.expires_at || access.issued_at.0 > now.0.saturating_add(CLOCKS_APART_MAX_MS) {
            return Err(TokenError::Expired);
        }
        Ok(access)
    }
}

impl Claims {
    fn into_access(self) -> Option<Access> {
        let family = Family(u128::from_str_radix(&self.sid, 16).ok()?);
        Some(Access {
            user: self.sub.parse().ok()?,
            name: self.name,
            family,
            session: TokenHash(URL_SAFE_NO_PAD.decode(&self.rth).ok()?.try_into().ok()?),
            issued_at: Millis(self.iat.saturating_mul(1_000)),
            expires_at: Millis(self.exp.saturating_mul(1_000)),
        })
    }
}

fn reason(kind: &jsonwebtoken::errors::ErrorKind) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => TokenError::NotForUs,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}

/// A refresh token: 256 random bits that mean nothing, written in base64url. Kept only as its hash; SHA-256 without
/// salt or stretching is enough, since nobody can guess 256 bits.
pub struct RefreshSecret([u8; 32]);

impl RefreshSecret {
    /// A new one, from the random numbers of the operating system.
    ///
    /// # Panics
    /// If the operating system gives none: nothing could be secret then.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_bytes())
    }

    /// From what a client sent, if it has the form.
    #[must_use]
    pub fn parse(sent: &str) -> Option<Self> {
        // 32 bytes are 43 characters; the length is looked at first, so a long text is not decoded.
        if sent.len() != 43 {
            return None;
        }
        URL_SAFE_NO_PAD.decode(sent).ok()?.try_into().ok().map(Self)
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }

    /// The token itself, for the answer to its owner.
    #[must_use]
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for RefreshSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshSecret(…)")
    }
}

/// Random bytes of the operating system.
pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system has random numbers");
    bytes
}

#[cfg(test)]
mod tests;
