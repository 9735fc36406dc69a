//! The handshake: is a request one for a WebSocket, and what is answered. RFC 6455, section 4.2.

use super::deflate;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header, request};
use base64::{Engine, prelude::BASE64_STANDARD};

/// A request that may become a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    accept: HeaderValue,
    subprotocol: Option<&'static str>,
    extension: Option<&'static str>,
}

impl Handshake {
    /// Reads a request; the error says to its sender what is missing. Of the subprotocols that it offers ours is taken, and compression
    /// if we may.
    pub fn read(
        request: &request::Parts,
        subprotocol: &'static str,
        may_deflate: bool,
    ) -> Result<Self, &'static str> {
        let headers = &request.headers;
        if !has_word(headers, header::CONNECTION, "upgrade")
            || !has_word(headers, header::UPGRADE, "websocket")
        {
            return Err("this is a WebSocket: it needs `Connection: upgrade` and `Upgrade: websocket`");
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err("this is a WebSocket of version 13: `Sec-WebSocket-Version: 13`");
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
        let key = key.ok_or("this is a WebSocket: `Sec-WebSocket-Key` is 16 bytes in base 64")?;
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let accept = HeaderValue::from_str(&accept).map_err(|_| "this is a WebSocket, and its key is not")?;
        let offered = has_word(headers, header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
        let extension = deflate::answer(headers).filter(|_| may_deflate);
        Ok(Self { accept, subprotocol: offered.then_some(subprotocol), extension })
    }

    /// Messages may be compressed, both ways.
    pub fn deflates(&self) -> bool {
        self.extension.is_some()
    }

    /// Yes: from here on the connection speaks frames.
    pub fn accept<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(subprotocol) = self.subprotocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        if let Some(extension) = self.extension {
            headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(extension));
        }
        response
    }
}

/// Does a word stand in a list of words? Case says nothing, and the list may be spread over several headers.
fn has_word(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let lists = headers.get_all(name);
    let mut words = lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    words.any(|found| found.trim().eq_ignore_ascii_case(word))
}

fn is_key(key: &HeaderValue) -> bool {
    BASE64_STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn read(change: impl FnOnce(&mut HeaderMap)) -> Result<Handshake, &'static str> {
        // The example of the RFC.
        let request = Request::get("/ws")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        change(&mut parts.headers);
        Handshake::read(&parts, "chat.v1", true)
    }

    #[test]
    fn the_example_of_the_rfc() {
        let response: Response<()> = read(|_| {}).unwrap().accept();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!response.headers().contains_key("sec-websocket-protocol"), "none was offered");
    }

    #[test]
    fn of_several_subprotocols_ours_is_taken() {
        for (offered, taken) in [("soap, chat.v1", true), ("chat.v10", false)] {
            let handshake = read(|headers| {
                headers.insert("sec-websocket-protocol", offered.parse().unwrap());
            });
            let response: Response<()> = handshake.unwrap().accept();
            assert_eq!(response.headers().contains_key("sec-websocket-protocol"), taken, "{offered}");
        }
    }

    #[test]
    fn compression_is_answered_only_if_it_is_offered() {
        let offers = |offer: &'static str| {
            let handshake = read(|headers| {
                headers.insert("sec-websocket-extensions", offer.parse().unwrap());
            });
            let response: Response<()> = handshake.unwrap().accept();
            response
                .headers()
                .get("sec-websocket-extensions")
                .map(|answer| answer.to_str().unwrap().to_owned())
        };
        assert_eq!(
            offers("permessage-deflate; client_max_window_bits").as_deref(),
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        );
        assert_eq!(offers("permessage-deflate; server_max_window_bits=8"), None);
    }

    #[test]
    fn what_is_no_handshake_is_told() {
        let without = |name: &'static str| {
            read(|headers| {
                headers.remove(name);
            })
        };
        for name in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
            assert!(without(name).is_err(), "{name}");
        }
        let with = |name: &'static str, value: &'static str| {
            read(|headers| {
                headers.insert(name, value.parse().unwrap());
            })
        };
        for (name, value) in [
            ("connection", "close"),
            ("upgrade", "h2c"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "c2hvcnQ="),
            ("sec-websocket-key", "not base 64 at all, but long"),
        ] {
            assert!(with(name, value).is_err(), "{name}: {value}");
        }
    }
}
