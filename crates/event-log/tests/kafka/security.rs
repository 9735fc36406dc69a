//! Logins and TLS, and what is told when the two sides do not fit.

use crate::{P0, open};
use event_log::{
    EventLog,
    kafka::{OpenError, Options, Security, Tls},
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use test_servers::kafka::{PASSWORD, USERNAME, secured};

fn options(address: &str) -> Options {
    static TOPICS: AtomicU32 = AtomicU32::new(0);
    let number = TOPICS.fetch_add(1, Ordering::Relaxed);
    Options::new(address, format!("security-{}-{number}", std::process::id()))
}

fn login(mechanism: &str, password: &str) -> Security {
    Security::Sasl { mechanism: mechanism.into(), username: USERNAME.into(), password: password.into() }
}

async fn works(options: Options) {
    let log = open(options).await.expect("the log opens");
    log.append(P0, "x".into()).expect("taken").await.expect("durable");
    log.close().await;
}

async fn refused(options: Options) -> OpenError {
    // What will not work is known sooner, but some of it only by waiting.
    let options = Options { request_timeout: Duration::from_secs(1), ..options };
    open(options).await.err().expect("refused")
}

#[tokio::test]
async fn a_password_opens() {
    works(Options { security: login("PLAIN", PASSWORD), ..options(secured().login_address()) }).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_told() {
    let options = Options { security: login("PLAIN", "hunter2"), ..options(secured().login_address()) };
    let error = refused(options).await;
    assert!(
        matches!(&error, OpenError::Refused(text) if text.contains(secured().login_address())),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_missing_login_is_told() {
    let error = refused(options(secured().login_address())).await;
    assert!(matches!(&error, OpenError::Config(text) if text.contains("login")), "{error}");
}

#[tokio::test]
async fn a_login_that_nobody_asked_for_is_told() {
    let error = refused(Options { security: login("PLAIN", PASSWORD), ..options(secured().address()) }).await;
    assert!(matches!(&error, OpenError::Config(text) if text.contains("login")), "{error}");
}

#[tokio::test]
async fn missing_tls_is_told() {
    let error = refused(options(secured().tls_address())).await;
    assert!(matches!(&error, OpenError::Config(text) if text.contains("TLS")), "{error}");
}

#[cfg(not(feature = "kafka-tls"))]
#[tokio::test]
async fn a_build_without_tls_says_so() {
    let tls = Options { tls: Some(Tls::default()), ..options(secured().tls_address()) };
    let scram = Options { security: login("SCRAM-SHA-256", PASSWORD), ..options(secured().login_address()) };
    for options in [tls, scram] {
        let error = refused(options).await;
        assert!(matches!(&error, OpenError::Config(text) if text.contains("kafka-tls")), "{error}");
    }
}

#[cfg(feature = "kafka-tls")]
mod with_tls {
    use super::*;

    fn trusting() -> Option<Tls> {
        Some(Tls { ca_file: Some(secured().ca_file()) })
    }

    #[tokio::test]
    async fn scram_opens() {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            works(Options { security: login(mechanism, PASSWORD), ..options(secured().login_address()) })
                .await;
        }
    }

    #[tokio::test]
    async fn a_wrong_scram_password_is_refused() {
        let options =
            Options { security: login("SCRAM-SHA-512", "hunter2"), ..options(secured().login_address()) };
        let error = refused(options).await;
        assert!(matches!(error, OpenError::Refused(_)), "{error}");
    }

    #[tokio::test]
    async fn tls_opens() {
        works(Options { tls: trusting(), ..options(secured().tls_address()) }).await;
    }

    #[tokio::test]
    async fn a_broker_that_nobody_vouches_for_is_not_talked_to() {
        let error = refused(Options { tls: Some(Tls::default()), ..options(secured().tls_address()) }).await;
        assert!(matches!(&error, OpenError::Config(text) if text.contains("certificate")), "{error}");
    }

    #[tokio::test]
    async fn tls_to_a_broker_without_is_told() {
        let error = refused(Options { tls: trusting(), ..options(secured().address()) }).await;
        assert!(matches!(&error, OpenError::Config(text) if text.contains("TLS")), "{error}");
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let tls = Some(Tls { ca_file: Some("no-such-file.pem".into()) });
        let error = refused(Options { tls, ..options(secured().tls_address()) }).await;
        assert!(matches!(&error, OpenError::Config(text) if text.contains("no-such-file.pem")), "{error}");
    }
}
