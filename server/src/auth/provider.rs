//! HS256 for `jsonwebtoken`, over `hmac` and `sha2`, and nothing else: there is no code here that could check any
//! other algorithm, so no header can ask for one.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{self, Signer, Verifier},
};
use sha2::Sha256;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key: &EncodingKey| {
        require_hs256(*algorithm, key.family())?;
        Ok(Box::new(Hs256::new(key.as_bytes())?))
    },
    verifier_factory: |algorithm, key: &DecodingKey| {
        require_hs256(*algorithm, key.family())?;
        Ok(Box::new(Hs256::new(key.try_get_as_bytes()?)?))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this provider the one of the process. May be called any number of times.
pub(super) fn install() {
    // An error means that one is there already, and nobody else in this process installs one.
    let _ = PROVIDER.install_default();
}

fn require_hs256(algorithm: Algorithm, family: AlgorithmFamily) -> Result<()> {
    if algorithm == Algorithm::HS256 && family == AlgorithmFamily::Hmac {
        Ok(())
    } else {
        Err(ErrorKind::UnsupportedAlgorithm.into())
    }
}

struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(key: &[u8]) -> Result<Self> {
        Hmac::new_from_slice(key).map(Self).map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }

    fn over(&self, message: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.over(message).finalize().into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        // Takes as long wherever the first wrong byte is, and refuses a shortened tag.
        self.over(message).verify_slice(tag).map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::crypto::{sign, verify};

    // RFC 7515, appendix A.1.
    const KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const INPUT: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0\
                         dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const TAG: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn key() -> Vec<u8> {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(KEY).unwrap()
    }

    #[test]
    fn the_vector_of_the_rfc() {
        install();
        install();
        let signed = sign(INPUT.as_bytes(), &EncodingKey::from_secret(&key()), Algorithm::HS256).unwrap();
        assert_eq!(signed, TAG);
        let check = |tag: &str, input: &str| {
            verify(tag, input.as_bytes(), &DecodingKey::from_secret(&key()), Algorithm::HS256).unwrap()
        };
        assert!(check(TAG, INPUT));
        assert!(!check(TAG, "eyJ0eXAiOiJKV1QifQ.e30"));
        assert!(!check(&TAG[..40], INPUT), "a shortened tag is no tag");
        assert!(!check("", INPUT));
    }

    #[test]
    fn no_other_algorithm_is_there() {
        install();
        for algorithm in
            [Algorithm::HS384, Algorithm::HS512, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA]
        {
            assert!(sign(b"m", &EncodingKey::from_secret(&key()), algorithm).is_err());
            assert!(verify(TAG, b"m", &DecodingKey::from_secret(&key()), algorithm).is_err());
        }
        assert!(verify(TAG, b"m", &DecodingKey::from_rsa_der(&key()), Algorithm::HS256).is_err());
    }
}
